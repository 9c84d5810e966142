INSERT INTO windows (
  edition, series_id, width, start, partition, piece, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct", inputs, marked
)
SELECT
  edition, series_id, width, start, $1, piece, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct",
  CASE WHEN input_ids IS NOT NULL
    THEN ROW(input_ids, input_times, input_values)::series_inputs END,
  marked
-- Unnest takes composite values apart.
FROM unnest(
  $2::bigint[], $3::bigint[], $4::interval[], $5::timestamptz[], $6::bigint[], $7::bigint[],
  $8::float8[], $9::float8[], $10::float8[], $11::float8[], $12::timestamptz[],
  $13::float8[], $14::timestamptz[], $15::float8[], $16::bytea[], $17::bytea[],
  $18::series_inputs[], $19::boolean[]
) AS given(
  edition, series_id, width, start, piece, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct", input_ids, input_times, input_values, marked
)
\ir parts/unless-dropped.sql
