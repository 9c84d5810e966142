SELECT true AS final FROM windows
WHERE edition = $1 AND series_id = $2 AND width = $3::interval AND start = $4 AND partition = $5
  AND piece = $6
UNION ALL
SELECT false FROM windows_open
WHERE edition = $1 AND series_id = $2 AND width = $3::interval AND start = $4 AND partition = $5
  AND piece = $6
