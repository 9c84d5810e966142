COPY (
  SELECT
    log_id, partition, source, entry, tenant, reason, detail, series_id, time, value, received_at,
    redriven_at IS NOT NULL
  FROM dead_letters
  ORDER BY id
) TO STDOUT (FORMAT binary)
