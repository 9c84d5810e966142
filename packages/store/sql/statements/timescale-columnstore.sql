-- Hypertables of ours that can be turned into columns.
SELECT hypertable_name AS name, compression_enabled AS is_enabled
FROM timescaledb_information.hypertables
WHERE hypertable_schema = current_schema() AND hypertable_name IN ('samples_narrow', 'histograms')
ORDER BY 1
