UPDATE positions SET open = false, updated_at = now()
WHERE log_id = $1 AND partition = $2 AND source = $3
