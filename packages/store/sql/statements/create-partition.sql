SELECT create_store_partition(
  $1, $2, $3::bigint * interval '1 microsecond', $4::timestamptz, $5::timestamptz
)
