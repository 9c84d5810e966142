INSERT INTO retention_policy (policy, noted_at) VALUES ($1::jsonb, $2)
ON CONFLICT (is_only) DO UPDATE SET policy = excluded.policy, noted_at = excluded.noted_at
