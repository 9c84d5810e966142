INSERT INTO dead_letters (
  log_id, partition, source, entry, tenant, reason, detail,
  series_id, fingerprint, time, value, received_at, payload
)
SELECT
  $1, $2, $3, given.entry, coalesce(given.tenant, known.tenant, ''), given.reason, given.detail,
  given.series_id, given.fingerprint, given.time, given.value, given.received_at, given.payload
FROM unnest(
  $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bytea[],
  $10::timestamptz[], $11::float8[], $12::timestamptz[], $13::bytea[]
) WITH ORDINALITY AS given(
  entry, tenant, reason, detail, series_id, fingerprint, time, value, received_at, payload, row
)
LEFT JOIN series_definitions AS known ON known.series_id = given.series_id
ORDER BY given.row
