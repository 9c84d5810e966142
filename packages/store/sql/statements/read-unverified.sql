-- By series: how many there are, and when they came.
SELECT
  late.tenant, late.series_id::text AS "seriesId", known.metric, known.labels,
  count(*)::float8 AS samples,
  (extract(epoch FROM min(late.time)) * 1000000)::float8 AS "fromUs",
  (extract(epoch FROM max(late.time)) * 1000000)::float8 AS "toUs",
  (extract(epoch FROM max(late.received_at)) * 1000000)::float8 AS "receivedAtUs"
FROM unverified AS late
LEFT JOIN series_definitions AS known ON known.series_id = late.series_id
WHERE ($1::text IS NULL OR late.tenant = $1)
  AND ($2::timestamptz IS NULL OR late.received_at >= $2)
  AND ($3::timestamptz IS NULL OR late.received_at < $3)
GROUP BY late.tenant, late.series_id, known.series_id
ORDER BY max(late.received_at) DESC, late.series_id
LIMIT $4
