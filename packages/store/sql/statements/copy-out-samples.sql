COPY (
  SELECT time, series_id, stale, unverified, value
  FROM samples
  WHERE time >= :from_time AND time < :until_time
    AND bucket >= date_trunc('minute', :from_time)
    AND bucket < :until_time + interval '10 minutes'
    AND (series_id & 4294967295) % :slices = :slice
) TO STDOUT (FORMAT binary)
