INSERT INTO retention_sweeps (leaf, cuts, inserted, swept_at) VALUES ($1, $2, $3, now())
ON CONFLICT (leaf) DO UPDATE SET
  cuts = excluded.cuts, inserted = excluded.inserted, swept_at = excluded.swept_at
