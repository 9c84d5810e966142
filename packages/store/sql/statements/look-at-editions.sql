SELECT EXISTS (
  SELECT FROM editions AS gone WHERE gone.dropped AND gone.edition = ANY ($1::bigint[])
) AS dropped, EXISTS (
  SELECT FROM windows_open AS revision WHERE revision.edition = ANY ($1::bigint[])
) AS open
