INSERT INTO positions (log_id, log_number, partition, source)
VALUES ($1, $2, $3, $4)
