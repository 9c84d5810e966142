SELECT DISTINCT ON (source)
  source, log_id, log_number, mark_offset, mark_ordinal, NOT open AS is_closed
FROM positions WHERE partition = $1
ORDER BY source, log_number DESC
