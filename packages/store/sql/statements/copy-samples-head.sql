COPY samples_head (time, bucket, series_id, value, stale, unverified, partition)
FROM STDIN (FORMAT binary)
