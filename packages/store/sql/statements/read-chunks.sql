-- Whoever drops one by hand is believed.
SELECT
  format('%I.%I', chunk_schema, chunk_name) AS name,
  hypertable_name AS parent,
  is_compressed,
  (extract(epoch FROM range_start) * 1000000)::bigint AS from_us,
  (extract(epoch FROM range_end) * 1000000)::bigint AS until_us
FROM timescaledb_information.chunks
WHERE hypertable_schema = current_schema()
  AND hypertable_name IN (
    'samples_narrow', 'samples_packed', 'histograms', 'exemplars', 'windows_narrow', 'windows_wide'
  )
ORDER BY hypertable_name, range_start
