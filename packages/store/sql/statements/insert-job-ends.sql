INSERT INTO job_ends (candidate, position, partitions, editions, log_id, partition)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (candidate, log_id, partition) DO NOTHING
