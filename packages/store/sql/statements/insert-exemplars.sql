INSERT INTO exemplars (time, bucket, series_id, value, labels)
SELECT *
FROM unnest($1::timestamptz[], $2::timestamptz[], $3::bigint[], $4::float8[], $5::jsonb[])
