SELECT delete_before($1, $2, $3, $4)::integer AS deleted
