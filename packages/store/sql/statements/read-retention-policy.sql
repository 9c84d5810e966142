SELECT
  policy, (extract(epoch FROM noted_at) * 1000000)::float8 AS noted_us,
  parts_dropped::float8 AS parts_dropped, rows_dropped::float8 AS rows_dropped,
  rows_deleted::float8 AS rows_deleted
FROM retention_policy
