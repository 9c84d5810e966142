DELETE FROM windows_open AS revision
USING unnest($2::bigint[], $3::bigint[], $4::interval[], $5::timestamptz[], $6::bigint[])
  AS given(edition, series_id, width, start, piece)
WHERE revision.edition = given.edition AND revision.series_id = given.series_id
  AND revision.width = given.width AND revision.start = given.start
  AND revision.partition = $1 AND revision.piece = given.piece
