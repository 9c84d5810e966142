DELETE FROM windows_wide
WHERE edition = $1 AND series_id = $2 AND width = $3::interval AND start = $4 AND partition = $5
  AND piece = $6 AND (tableoid, ctid) = (
    SELECT tableoid, ctid FROM windows_wide
    WHERE edition = $1 AND series_id = $2 AND width = $3::interval AND start = $4
      AND partition = $5 AND piece = $6 AND count = $7 AND marked = $8
      AND sum IS NOT DISTINCT FROM $9::double precision
      AND last_time IS NOT DISTINCT FROM $10::timestamptz
    LIMIT 1
  )
