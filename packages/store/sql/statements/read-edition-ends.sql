SELECT
  edition, log_id, partition, position,
  (extract(epoch FROM until_time) * 1000000)::bigint AS until_us
FROM edition_ends
ORDER BY partition, position, edition
