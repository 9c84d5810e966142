SELECT candidate, log_id, partition, position, partitions, editions
FROM job_ends
ORDER BY partition, candidate, log_id
