DELETE FROM windows_not_completable AS known
USING unnest($1::bigint[], $2::bigint[], $3::interval[], $4::timestamptz[])
  AS given(edition, series_id, width, start)
WHERE known.edition = given.edition AND known.series_id = given.series_id
  AND known.width = given.width AND known.start = given.start
