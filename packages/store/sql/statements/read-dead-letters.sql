SELECT
  letter.id::text AS id,
  (extract(epoch FROM letter.recorded_at) * 1000000)::float8 AS "recordedAtUs",
  letter.log_id AS "logId", letter.partition, letter.source, letter.entry, letter.tenant,
  letter.reason, letter.detail, letter.series_id::text AS "seriesId",
  known.metric, known.labels, known.kind,
  (extract(epoch FROM letter.time) * 1000000)::float8 AS "timeUs",
  letter.value,
  (extract(epoch FROM letter.received_at) * 1000000)::float8 AS "receivedAtUs",
  letter.payload,
  (extract(epoch FROM letter.redrive_started_at) * 1000000)::float8 AS "redriveStartedAtUs",
  (extract(epoch FROM letter.redriven_at) * 1000000)::float8 AS "redrivenAtUs",
  letter.redrive_token AS "redriveToken"
FROM dead_letters AS letter
LEFT JOIN series_definitions AS known
  ON known.series_id = letter.series_id
  -- Of a whole fingerprint the other half has to be the same series' too.
  AND coalesce(substring(letter.fingerprint FROM 9) = int8send(known.fingerprint_check), true)
WHERE ($1::bigint[] IS NULL OR letter.id = ANY ($1))
  AND ($2::text IS NULL OR letter.reason = $2)
  AND ($3::text IS NULL OR letter.tenant = $3)
  AND ($4::timestamptz IS NULL OR letter.recorded_at >= $4)
  AND ($5::timestamptz IS NULL OR letter.recorded_at < $5)
  AND ($6::boolean OR letter.redriven_at IS NULL)
ORDER BY letter.id
LIMIT $7
