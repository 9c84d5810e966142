WITH by_series AS (
  SELECT series_id, change, count(*) AS windows
  FROM compare_editions($1, $2, $3, $4) GROUP BY series_id, change
), of_series AS (
  SELECT
    series_id,
    CASE WHEN count(*) = 1 THEN min(change) ELSE 'changed' END AS change
  FROM by_series WHERE change NOT IN ('partial', 'incomplete')
  GROUP BY series_id
)
SELECT 'windows' AS what, change, sum(windows)::float8 AS count FROM by_series GROUP BY change
UNION ALL
SELECT 'series', change, count(*)::float8 FROM of_series GROUP BY change
