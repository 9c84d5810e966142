SELECT EXISTS (
  SELECT FROM editions AS gone WHERE gone.dropped AND gone.edition = ANY ($1::bigint[])
) AS dropped
