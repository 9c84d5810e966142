SELECT
  edition, log_id, partition, from_position, partitions,
  (extract(epoch FROM from_partition_time) * 1000000)::bigint AS from_partition_time_us,
  (extract(epoch FROM from_largest_time) * 1000000)::bigint AS from_largest_time_us
FROM edition_starts
ORDER BY partition, from_position, edition
