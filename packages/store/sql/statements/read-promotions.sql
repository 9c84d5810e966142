SELECT
  rule, version, edition,
  (extract(epoch FROM from_time) * 1000000)::bigint AS from_us,
  (extract(epoch FROM promoted_at) * 1000000)::bigint AS promoted_at_us
FROM promotions
ORDER BY version, rule
