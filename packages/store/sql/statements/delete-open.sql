DELETE FROM windows_open
WHERE ctid = ANY (ARRAY(
  SELECT found.ctid
  FROM unnest($2::bigint[], $3::bigint[], $4::interval[], $5::timestamptz[], $6::bigint[])
    AS given(edition, series_id, width, start, piece),
  -- Each is looked up by the key. As a join it may come to all rows of the partition being read for
  -- these few, when nobody has collected statistics since a million came at once.
  LATERAL (
    SELECT revision.ctid FROM windows_open AS revision
    WHERE revision.edition = given.edition AND revision.series_id = given.series_id
      AND revision.width = given.width AND revision.start = given.start
      AND revision.partition = $1 AND revision.piece = given.piece
    OFFSET 0
  ) AS found
))
