COPY (
  SELECT
    log_id, partition, source, entry, tenant, reason, detail, series_id, time, value, received_at
  FROM dead_letters
  ORDER BY id
) TO STDOUT (FORMAT binary)
