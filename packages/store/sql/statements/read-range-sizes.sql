-- Of each table: its bytes with indexes, and how many others use it just now.
SELECT
  given.name,
  coalesce(pg_total_relation_size(to_regclass(given.name)), 0)::float8 AS bytes,
  (
    SELECT count(DISTINCT pid)::integer FROM pg_locks
    WHERE relation = to_regclass(given.name) AND granted AND pid <> pg_backend_pid()
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ) AS users
FROM unnest($1::text[]) AS given(name)
