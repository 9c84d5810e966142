COPY samples_narrow (time, bucket, series_id, value, stale, unverified) FROM STDIN (FORMAT binary)
