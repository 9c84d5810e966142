UPDATE dead_letters SET redrive_started_at = now()
WHERE id = ANY ($1::bigint[]) AND redriven_at IS NULL AND redrive_started_at IS NULL
