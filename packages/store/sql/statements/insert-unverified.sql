INSERT INTO unverified
  (partition, time, tenant, series_id, fingerprint, value, stale, received_at)
SELECT $1, given.*
FROM unnest(
  $2::timestamptz[], $3::text[], $4::bigint[], $5::bytea[], $6::float8[], $7::boolean[],
  $8::timestamptz[]
) AS given
