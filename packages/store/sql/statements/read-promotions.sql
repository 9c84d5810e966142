SELECT
  rule, version, edition,
  (extract(epoch FROM from_time) * 1000000)::float8 AS from_us,
  (extract(epoch FROM promoted_at) * 1000000)::float8 AS promoted_us
FROM promotions
ORDER BY version, rule
