-- As soon as a candidate is known its job is looked for in the log, also while nothing has come of
-- it: whoever starts anew must not begin to read behind what the job has put out. Rules that were
-- in force before they became a candidate have none.
INSERT INTO positions (log_id, log_number, partition, source, open)
SELECT $1, $2, $3, $4, NOT EXISTS (
  SELECT FROM editions AS gone WHERE gone.dropped AND $4 = 'job-' || gone.candidate
)
WHERE EXISTS (SELECT FROM editions AS known WHERE $4 = 'job-' || known.candidate)
ON CONFLICT (partition, source, log_id) DO NOTHING
