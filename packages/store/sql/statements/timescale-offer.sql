-- Whether this database has TimescaleDB or could have it.
SELECT
  extension.extversion AS installed,
  namespace.nspname AS schema,
  available.default_version AS available,
  -- A setting of the library, which has to be loaded when the server starts.
  current_setting('timescaledb.disable_load', true) IS NOT NULL AS preloaded,
  has_database_privilege(current_database(), 'CREATE') AS may_create
FROM (SELECT) AS one
LEFT JOIN pg_extension AS extension ON extension.extname = 'timescaledb'
LEFT JOIN pg_namespace AS namespace ON namespace.oid = extension.extnamespace
LEFT JOIN pg_available_extensions AS available ON available.name = 'timescaledb'
