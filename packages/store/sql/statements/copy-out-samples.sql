COPY (
  SELECT time, series_id, stale, unverified, value
  FROM samples_narrow
  WHERE time >= :from_time AND time < :until_time
    AND bucket >= date_trunc('minute', :from_time)
    AND bucket < :until_time + interval '10 minutes'
    AND (series_id & 4294967295) % :slices = :slice
  UNION ALL
  SELECT time, series_id, stale, unverified, value
  FROM samples_head
  WHERE time >= :from_time AND time < :until_time
    AND bucket >= date_trunc('minute', :from_time)
    AND bucket < :until_time + interval '10 minutes'
    AND (series_id & 4294967295) % :slices = :slice
) TO STDOUT (FORMAT binary)
