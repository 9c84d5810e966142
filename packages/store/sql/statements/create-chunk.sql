SELECT create_store_chunk($1, $2::timestamptz, $3::bigint * interval '1 microsecond')
