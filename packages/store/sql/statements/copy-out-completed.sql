COPY (
  SELECT
    run, edition, series_id, width, start, pieces, samples, count, marked,
    sum, min, max, first, first_time, last, last_time, increase, histogram, "distinct",
    (inputs).series_ids, (inputs).times, (inputs)."values"
  FROM windows_complete
  WHERE start >= :from_time AND start < :until_time
    AND (series_id & 4294967295) % :slices = :slice
) TO STDOUT (FORMAT binary)
