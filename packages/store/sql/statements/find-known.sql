SELECT series_id FROM series_definitions WHERE series_id = ANY ($1::bigint[])
