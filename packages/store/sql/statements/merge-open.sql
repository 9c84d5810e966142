INSERT INTO windows_open (
  edition, series_id, width, start, partition, piece, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct", inputs, marked
)
SELECT
  edition, series_id, width, start, partition, piece, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct", inputs, marked
FROM pg_temp.open_pieces AS given
\ir parts/unless-dropped.sql
\ir parts/replace-open.sql
