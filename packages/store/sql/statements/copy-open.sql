COPY pg_temp.open_pieces (
  edition, series_id, width, start, partition, piece, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct", inputs, marked
) FROM STDIN (FORMAT binary)
