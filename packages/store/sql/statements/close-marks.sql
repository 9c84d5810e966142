UPDATE positions SET open = false, updated_at = now()
WHERE partition = $1 AND source = $2 AND log_id <> $3 AND open
