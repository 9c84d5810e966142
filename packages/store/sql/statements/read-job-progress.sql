-- In the log in which a partition began the candidate: a job of a later one does not count.
SELECT DISTINCT ON (known.candidate, started.partition)
  known.candidate, started.partition, started.log_id, started.from_position AS end_position,
  EXISTS (
    SELECT FROM job_ends AS ended
    WHERE ended.candidate = known.candidate AND ended.partition = started.partition
      AND ended.log_id = started.log_id
  ) AS has_ended,
  job.open IS FALSE AS is_closed,
  coalesce(job.mark_offset, 0) AS position
FROM editions AS known
JOIN edition_starts AS started ON started.edition = known.edition
LEFT JOIN positions AS live ON live.source = 'live'
  AND live.partition = started.partition AND live.log_id = started.log_id
LEFT JOIN positions AS job ON job.source = 'job-' || known.candidate
  AND job.partition = started.partition AND job.log_id = started.log_id
WHERE known.candidate IS NOT NULL
ORDER BY known.candidate, started.partition, live.log_number
