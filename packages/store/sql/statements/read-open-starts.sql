SELECT
  edition, (extract(epoch FROM width) * 1000000)::float8 AS width_us,
  (extract(epoch FROM min(start)) * 1000000)::float8 AS start_us
FROM windows_open GROUP BY edition, width
