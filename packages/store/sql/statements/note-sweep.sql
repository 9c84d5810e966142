INSERT INTO retention_sweeps (leaf, cuts, inserted) VALUES ($1, $2, $3)
ON CONFLICT (leaf) DO UPDATE SET cuts = excluded.cuts, inserted = excluded.inserted
