SELECT DISTINCT ON (source)
  source, log_id, log_number, mark_offset, mark_ordinal, NOT open AS is_closed,
  position::text AS position, folded_offset::text AS folded_offset, folded_digest,
  (extract(epoch FROM partition_time) * 1000000)::float8 AS partition_time_us
FROM positions WHERE partition = $1
ORDER BY source, log_number DESC
