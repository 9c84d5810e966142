SELECT count(*)::integer AS count FROM samples
WHERE series_id = $1 AND time = $2 AND bucket >= date_trunc('minute', $2::timestamptz)
  AND bucket <= $2::timestamptz + interval '10 minutes'
  AND value IS NOT DISTINCT FROM $3::double precision
