INSERT INTO histograms (time, bucket, series_id, histogram, stale, unverified)
SELECT *
FROM unnest(
  $1::timestamptz[], $2::timestamptz[], $3::bigint[], $4::bytea[], $5::boolean[], $6::boolean[]
)
