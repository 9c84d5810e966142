-- Each replaces the row of an earlier run as a whole. What comes of a dropped edition is for those
-- windows alone that it is still served for.
INSERT INTO windows_complete AS known (
  run, edition, series_id, width, start, pieces, samples, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct", inputs, marked
)
SELECT
  $1, edition, series_id, width, start, pieces, samples, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct",
  CASE WHEN input_ids IS NOT NULL
    THEN ROW(input_ids, input_times, input_values)::series_inputs END,
  marked
FROM unnest(
  $2::bigint[], $3::bigint[], $4::interval[], $5::timestamptz[], $6::bigint[], $7::bigint[],
  $8::bigint[], $9::float8[], $10::float8[], $11::float8[], $12::float8[], $13::timestamptz[],
  $14::float8[], $15::timestamptz[], $16::float8[], $17::bytea[], $18::bytea[],
  $19::series_inputs[], $20::boolean[]
) AS given(
  edition, series_id, width, start, pieces, samples, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct", input_ids, input_times, input_values, marked
)
\ir parts/unless-dropped.sql
ON CONFLICT (edition, series_id, width, start) DO UPDATE SET
  run = excluded.run, pieces = excluded.pieces, samples = excluded.samples,
  count = excluded.count, sum = excluded.sum, min = excluded.min, max = excluded.max,
  first = excluded.first, first_time = excluded.first_time,
  last = excluded.last, last_time = excluded.last_time, increase = excluded.increase,
  histogram = excluded.histogram, "distinct" = excluded."distinct", inputs = excluded.inputs,
  marked = excluded.marked
WHERE known.run < excluded.run
