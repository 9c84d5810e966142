INSERT INTO complete_runs (scheduled) VALUES ($1) RETURNING run::text
