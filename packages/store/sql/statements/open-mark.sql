INSERT INTO positions (log_id, log_number, partition, source, open)
SELECT $1, $2, $3, $4, NOT EXISTS (
  SELECT FROM editions AS gone WHERE gone.dropped AND $4 = 'job-' || gone.candidate
)
