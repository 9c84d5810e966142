COPY (
  SELECT time, series_id, value, labels::text
  FROM exemplars
  WHERE time >= :from_time AND time < :until_time
    AND (series_id & 4294967295) % :slices = :slice
) TO STDOUT (FORMAT binary)
