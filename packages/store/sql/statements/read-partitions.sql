-- Whoever drops one by hand is believed.
SELECT
  name, parent,
  (extract(epoch FROM width) * 1000000)::bigint AS width_us,
  (extract(epoch FROM from_time) * 1000000)::bigint AS from_us,
  (extract(epoch FROM until_time) * 1000000)::bigint AS until_us
FROM store_partitions
WHERE to_regclass(quote_ident(name)) IS NOT NULL
ORDER BY parent, width, from_time
