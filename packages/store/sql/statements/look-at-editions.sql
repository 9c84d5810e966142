SELECT EXISTS (
  SELECT FROM editions AS gone WHERE gone.dropped AND gone.edition = ANY ($1::bigint[])
) AS dropped, EXISTS (
  SELECT FROM unnest($1::bigint[]) AS given(edition), LATERAL (
    SELECT FROM windows_open AS revision
    WHERE revision.edition = given.edition
    -- By the key: as there may be a million of other editions, not one of them is to be read.
    ORDER BY revision.series_id
    LIMIT 1
  ) AS one
) AS open
