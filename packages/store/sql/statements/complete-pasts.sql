-- Once all partitions have told: whole is what is whole in each of them.
INSERT INTO edition_pasts (edition, from_times)
SELECT edition, array_agg(from_time ORDER BY place)
FROM (
  SELECT
    (past.told ->> 'edition')::bigint AS edition,
    given.place,
    max(coalesce(
      timestamptz 'epoch' + given.from_us::bigint * interval '1 microsecond', '-infinity'
    )) AS from_time
  FROM job_ends AS ended
  CROSS JOIN LATERAL jsonb_array_elements(ended.editions) AS past(told)
  CROSS JOIN LATERAL jsonb_array_elements_text(past.told -> 'from_us')
    WITH ORDINALITY AS given(from_us, place)
  WHERE ended.candidate = $1 AND (
    SELECT count(DISTINCT partition) >= max(partitions) FROM job_ends WHERE candidate = $1
  )
  GROUP BY 1, 2
) AS whole
GROUP BY edition
ON CONFLICT (edition) DO NOTHING
