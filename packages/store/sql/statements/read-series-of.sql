-- Some series of one tenant, or (NULL) of all but some, behind one.
SELECT series_id::text AS series_id
FROM series_definitions
WHERE series_id > $1::bigint
  AND CASE WHEN $2::text IS NULL THEN tenant <> ALL ($3::text[]) ELSE tenant = $2 END
ORDER BY series_id LIMIT $4
