INSERT INTO expired AS known (table_name, before) VALUES ($1, $2)
ON CONFLICT (table_name) DO UPDATE SET before = excluded.before
WHERE known.before < excluded.before
