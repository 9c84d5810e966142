-- For this transaction: the functions of TimescaleDB may lie in any schema.
SELECT set_config(
  'search_path', current_setting('search_path') || ', ' || quote_ident(namespace.nspname), true
)
FROM pg_extension AS extension
JOIN pg_namespace AS namespace ON namespace.oid = extension.extnamespace
WHERE extension.extname = 'timescaledb'
