-- What this TimescaleDB offers; nothing when it is not there, or there and not loaded: then
-- hypertables look like tables, and rows would end up beside their chunks.
SELECT
  extversion AS version,
  current_setting('timescaledb.license', true) AS license,
  current_setting('timescaledb.enable_direct_compress_copy', true) IS NOT NULL AS direct_compress
FROM pg_extension
WHERE extname = 'timescaledb' AND current_setting('timescaledb.disable_load', true) IS NOT NULL
