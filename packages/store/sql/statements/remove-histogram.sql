DELETE FROM histograms
WHERE series_id = $1 AND time = $2 AND (tableoid, ctid) = (
  SELECT tableoid, ctid FROM histograms WHERE series_id = $1 AND time = $2 LIMIT 1
)
