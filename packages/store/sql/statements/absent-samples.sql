-- Which of the given rows, the first of each series and time, are not there yet. All heads are
-- looked through: the log before may have had the series in another partition. OFFSET keeps the
-- look into packed rows what it is: one by the index for each row.
SELECT row FROM (
  SELECT DISTINCT ON (series_id, given.time) series_id, given.time, row
  FROM unnest($1::bigint[], $2::timestamptz[]) WITH ORDINALITY AS given(series_id, time, row)
  ORDER BY series_id, given.time, row
) AS first
WHERE NOT EXISTS (
  SELECT FROM samples_head AS known
  WHERE known.series_id = first.series_id AND known.time = first.time
)
AND NOT EXISTS (
  SELECT FROM samples_narrow AS known
  WHERE known.series_id = first.series_id AND known.time = first.time
)
AND NOT EXISTS (
  SELECT FROM samples_packed AS packed,
    unnest(packed.offsets) WITH ORDINALITY AS one(offset_us, place)
  WHERE packed.series_id = first.series_id AND packed.step IS NULL
    AND packed.bucket >= date_trunc('minute', first.time)
    AND packed.bucket <= date_trunc('minute', first.time) + interval '10 minutes'
    AND packed.start + one.offset_us * interval '1 microsecond' = first.time
  OFFSET 0
)
AND NOT EXISTS (
  SELECT FROM samples_packed AS packed
  CROSS JOIN LATERAL (
    SELECT (extract(epoch FROM first.time - packed.start) * 1000000)::bigint AS us
  ) AS behind
  WHERE packed.series_id = first.series_id AND packed.step IS NOT NULL
    AND packed.bucket >= date_trunc('minute', first.time)
    AND packed.bucket <= date_trunc('minute', first.time) + interval '10 minutes'
    AND behind.us BETWEEN 0 AND (packed.count - 1) * packed.step
    AND CASE packed.step WHEN 0 THEN true ELSE behind.us % packed.step = 0 END
  OFFSET 0
)
