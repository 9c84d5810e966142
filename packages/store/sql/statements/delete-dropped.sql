-- A table that is gone meanwhile has nothing left.
SELECT coalesce(delete_dropped_windows(to_regclass($1), $2, $3), 0)::integer AS deleted
