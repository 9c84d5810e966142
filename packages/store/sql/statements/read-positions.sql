SELECT
  log_id, log_number, partition, source, mark_offset, mark_ordinal, open, position,
  folded_offset, folded_digest,
  (extract(epoch FROM partition_time) * 1000000)::bigint AS partition_time_us,
  (extract(epoch FROM watermark) * 1000000)::bigint AS watermark_us
FROM positions
ORDER BY partition, log_number, source
