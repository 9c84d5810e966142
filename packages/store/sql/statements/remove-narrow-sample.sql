DELETE FROM samples_narrow
WHERE series_id = $1 AND time = $2 AND (tableoid, ctid) = (
  SELECT tableoid, ctid FROM samples_narrow
  WHERE series_id = $1 AND time = $2 AND value IS NOT DISTINCT FROM $3::double precision
    AND unverified = $4
  LIMIT 1
)
