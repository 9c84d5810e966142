COPY (
  SELECT
    series_id, fingerprint_check, tenant, metric, labels::text, kind, first_seen, last_seen
  FROM series_definitions
  WHERE (series_id & 4294967295) % :slices = :slice
) TO STDOUT (FORMAT binary)
