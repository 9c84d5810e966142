-- Whether nobody has gone by another policy since this one was noted.
SELECT coalesce((SELECT policy = $1::jsonb FROM retention_policy), false) AS is_noted
