INSERT INTO samples_narrow (time, bucket, series_id, value, stale, unverified)
VALUES (
  $2, date_trunc('minute', $2::timestamptz), $1, $3::double precision,
  $3::double precision IS NULL, $4
)
