-- A table that is gone meanwhile has no blocks. What ever came counts since the server was started
-- after a crash; then it is another number, and rows are looked for once more.
SELECT
  coalesce(
    pg_relation_size(given.oid) / current_setting('block_size')::bigint, 0
  )::integer AS blocks,
  coalesce(pg_stat_get_tuples_inserted(given.oid), 0)::float8 AS inserted,
  swept.cuts, swept.inserted::float8 AS inserted_before,
  coalesce(swept.swept_at > now() - interval '1 day', false) AS is_recent
FROM (SELECT to_regclass($1)::oid AS oid) AS given
LEFT JOIN retention_sweeps AS swept ON swept.leaf = $1
