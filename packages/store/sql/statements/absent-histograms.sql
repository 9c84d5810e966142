-- Which of the given rows, the first of each series and time, are not there yet.
SELECT row FROM (
  SELECT DISTINCT ON (series_id, given.time) series_id, given.time, row
  FROM unnest($1::bigint[], $2::timestamptz[]) WITH ORDINALITY AS given(series_id, time, row)
  ORDER BY series_id, given.time, row
) AS first
WHERE NOT EXISTS (
  SELECT FROM histograms AS known
  WHERE known.series_id = first.series_id AND known.time = first.time
)
