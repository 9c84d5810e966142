SELECT given.place::integer AS place
FROM unnest($1::interval[], $2::timestamptz[]) WITH ORDINALITY AS given(width, start, place),
LATERAL (
  SELECT FROM windows_open AS revision
  WHERE revision.start = given.start AND revision.width = given.width
  -- By the index that begins with them: as there may be a million of one start, one is read.
  ORDER BY revision.series_id
  LIMIT 1
) AS one
