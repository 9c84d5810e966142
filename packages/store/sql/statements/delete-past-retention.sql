SELECT place, deleted::integer AS deleted
FROM delete_past_retention(to_regclass($1), $2, $3, $4, $5, $6, $7, $8)
