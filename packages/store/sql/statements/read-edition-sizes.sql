SELECT
  edition, sum(pieces)::float8 AS rows, count(*)::float8 AS series, sum(bytes)::float8 AS bytes
FROM (
  SELECT edition, series_id, count(*) AS pieces, sum(pg_column_size(piece.*)) AS bytes
  FROM (SELECT * FROM windows UNION ALL SELECT * FROM windows_open) AS piece
  WHERE edition = ANY ($1::bigint[]) AND start >= $2::timestamptz AND start < $3::timestamptz
  GROUP BY edition, series_id
) AS of_series
GROUP BY edition
