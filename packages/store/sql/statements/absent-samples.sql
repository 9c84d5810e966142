-- Which of the given rows, the first of each series and time, are not there yet. What is there is
-- read series by series, not row by row: thousands of old samples come together, and a head has no
-- index by time. It is sorted in with what is given, so that no plan can compare each with each.
-- All heads are looked through: the log before may have had the series in another partition.
WITH given AS MATERIALIZED (
  SELECT series_id, time, row
  FROM unnest($1::bigint[], $2::timestamptz[]) WITH ORDINALITY AS given(series_id, time, row)
),
-- OFFSET keeps each look what it is: one by the index.
series AS MATERIALIZED (
  SELECT series_id, min(time) AS from_time, max(time) AS to_time FROM given GROUP BY series_id
),
-- Of hours, so that of a series with two samples far apart not all between is read.
spans AS MATERIALIZED (
  SELECT series_id, min(time) AS from_time, max(time) AS to_time
  FROM given GROUP BY series_id, date_trunc('hour', time)
)
SELECT min(row) AS row
FROM (
  SELECT series_id, time, row FROM given
  UNION ALL
  SELECT series_id, known.time, 0 FROM series, LATERAL (
    SELECT time FROM samples_head AS head
    WHERE head.series_id = series.series_id AND head.time BETWEEN from_time AND to_time
    OFFSET 0
  ) AS known
  UNION ALL
  SELECT series_id, known.time, 0 FROM spans, LATERAL (
    SELECT time FROM samples_narrow AS narrow
    WHERE narrow.series_id = spans.series_id AND narrow.time BETWEEN from_time AND to_time
    OFFSET 0
  ) AS known
  UNION ALL
  SELECT series_id, known.time, 0 FROM spans, LATERAL (
    SELECT packed.start + one.offset_us * interval '1 microsecond' AS time
    FROM samples_packed AS packed, LATERAL (
      SELECT unnest(packed.offsets)::bigint AS offset_us
      UNION ALL
      SELECT place * packed.step::bigint FROM generate_series(0, packed.count - 1) AS place
      WHERE packed.step IS NOT NULL
    ) AS one
    WHERE packed.series_id = spans.series_id
      AND packed.bucket >= date_trunc('minute', from_time)
      AND packed.bucket <= date_trunc('minute', to_time) + interval '10 minutes'
    OFFSET 0
  ) AS known
  WHERE known.time BETWEEN from_time AND to_time
) AS both_of_them
GROUP BY series_id, time
HAVING min(row) > 0
