SELECT delete_series_rows(
  to_regclass($1), $2, $3::bigint[], $4::timestamptz, $5::timestamptz
)::float8 AS deleted
