SELECT
  tenant, metric, labels, column_name,
  (extract(epoch FROM width) * 1000000)::float8 AS width_us,
  (extract(epoch FROM start) * 1000000)::float8 AS start_us,
  number_before, number_after, relative
FROM largest_changes($1, $2, $3, $4, $5)
