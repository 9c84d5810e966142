SELECT (extract(epoch FROM oldest_row(to_regclass($1), $2)) * 1000000)::float8 AS oldest_us
