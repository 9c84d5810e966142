SELECT DISTINCT ON (partition)
  partition, log_id, log_number, mark_offset, mark_ordinal
FROM positions WHERE source = 'live'
ORDER BY partition, log_number DESC
