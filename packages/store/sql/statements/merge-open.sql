INSERT INTO windows_open (
  edition, series_id, width, start, partition, piece, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct", inputs, marked
)
SELECT
  edition, series_id, width, start, partition, piece, count, sum, min, max, first, first_time,
  last, last_time, increase, histogram, "distinct", inputs, marked
FROM pg_temp.open_pieces AS given
-- What comes of a dropped edition is for those windows alone that it is still served for.
WHERE NOT EXISTS (
  SELECT FROM editions AS gone
  WHERE gone.edition = given.edition AND gone.dropped AND NOT EXISTS (
    SELECT FROM served AS shown
    WHERE shown.edition = gone.edition AND shown.range @> given.start
  )
)
ON CONFLICT (edition, series_id, width, start, partition, piece) DO UPDATE SET
  count = excluded.count, sum = excluded.sum, min = excluded.min, max = excluded.max,
  first = excluded.first, first_time = excluded.first_time,
  last = excluded.last, last_time = excluded.last_time, increase = excluded.increase,
  histogram = excluded.histogram, "distinct" = excluded."distinct", inputs = excluded.inputs,
  marked = excluded.marked
