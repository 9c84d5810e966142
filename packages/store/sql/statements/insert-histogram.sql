INSERT INTO histograms (time, bucket, series_id, histogram, stale, unverified)
VALUES ($2, date_trunc('minute', $2::timestamptz), $1, $3::bytea, $3::bytea IS NULL, $4)
