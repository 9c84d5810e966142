-- Of one series: those that are kept apart, and those that are beside its raw samples.
SELECT * FROM (
  SELECT
    (extract(epoch FROM late.time) * 1000000)::float8 AS "timeUs", late.value, late.stale,
    (extract(epoch FROM late.received_at) * 1000000)::float8 AS "receivedAtUs",
    late.partition, true AS "isApart"
  FROM unverified AS late
  WHERE late.series_id = $1::bigint
    AND ($2::timestamptz IS NULL OR late.time >= $2)
    AND ($3::timestamptz IS NULL OR late.time < $3)
  UNION ALL
  SELECT
    (extract(epoch FROM raw.time) * 1000000)::float8, raw.value, raw.stale, NULL, NULL, false
  FROM samples AS raw
  WHERE raw.series_id = $1::bigint AND raw.unverified
    AND ($2::timestamptz IS NULL OR raw.time >= $2)
    AND ($3::timestamptz IS NULL OR raw.time < $3)
    AND ($2::timestamptz IS NULL OR raw.bucket >= date_trunc('minute', $2))
    AND ($3::timestamptz IS NULL OR raw.bucket < $3 + interval '10 minutes')
) AS late
ORDER BY "timeUs"
LIMIT $4
