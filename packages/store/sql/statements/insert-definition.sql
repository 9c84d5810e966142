INSERT INTO series_definitions
  (series_id, fingerprint_check, tenant, metric, labels, kind, first_seen, last_seen)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8)
ON CONFLICT (series_id) DO NOTHING
