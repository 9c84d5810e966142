-- About how many rows a table holds, as the server's own statistics have it.
SELECT coalesce(pg_stat_get_live_tuples(to_regclass($1)), 0)::float8 AS rows
