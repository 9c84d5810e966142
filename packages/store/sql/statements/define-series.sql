INSERT INTO series_definitions AS known
  (series_id, fingerprint_check, tenant, metric, labels, kind, first_seen, last_seen)
SELECT *
FROM unnest(
  $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::jsonb[], $6::text[],
  $7::timestamptz[], $8::timestamptz[]
)
ON CONFLICT (series_id) DO UPDATE SET
  kind = excluded.kind,
  first_seen = least(known.first_seen, excluded.first_seen),
  last_seen = greatest(known.last_seen, excluded.last_seen)
-- Another series with the same id is left alone, and told by the number of rows: see find-defined.
WHERE known.fingerprint_check = excluded.fingerprint_check
