-- Once all partitions have told: whole is what is whole in each of them. A job of a later log than
-- the one in which its partition began the candidate has not seen what lies in between.
WITH counted AS (
  SELECT ended.partition, ended.partitions, ended.editions
  FROM job_ends AS ended
  WHERE ended.candidate = $1 AND NOT EXISTS (
    SELECT
    FROM editions AS known
    JOIN edition_starts AS started
      ON started.edition = known.edition AND started.partition = ended.partition
    JOIN positions AS earlier
      ON earlier.partition = started.partition AND earlier.log_id = started.log_id
    JOIN positions AS later
      ON later.partition = ended.partition AND later.log_id = ended.log_id
    WHERE known.candidate = ended.candidate AND earlier.log_number < later.log_number
  )
)
INSERT INTO edition_pasts (edition, from_times)
SELECT edition, array_agg(from_time ORDER BY place)
FROM (
  SELECT
    (past.told ->> 'edition')::bigint AS edition,
    given.place,
    max(coalesce(
      timestamptz 'epoch' + given.from_us::bigint * interval '1 microsecond', '-infinity'
    )) AS from_time
  FROM counted
  CROSS JOIN LATERAL jsonb_array_elements(counted.editions) AS past(told)
  CROSS JOIN LATERAL jsonb_array_elements_text(past.told -> 'from_us')
    WITH ORDINALITY AS given(from_us, place)
  WHERE (SELECT count(DISTINCT partition) >= max(partitions) FROM counted)
  GROUP BY 1, 2
) AS whole
GROUP BY edition
ON CONFLICT (edition) DO NOTHING
