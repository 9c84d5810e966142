SELECT DISTINCT ON (partition)
  partition, log_id, log_number, mark_offset, mark_ordinal, position::text AS position,
  folded_offset::text AS folded_offset, folded_digest,
  (extract(epoch FROM partition_time) * 1000000)::float8 AS partition_time_us
FROM positions WHERE source = 'live'
ORDER BY partition, log_number DESC
