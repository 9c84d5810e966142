COPY (
  SELECT partition, time, tenant, fingerprint, value, stale, received_at
  FROM unverified
  WHERE time >= :from_time AND time < :until_time
    AND (series_id & 4294967295) % :slices = :slice
) TO STDOUT (FORMAT binary)
