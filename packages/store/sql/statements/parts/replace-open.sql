ON CONFLICT (edition, series_id, width, start, partition, piece) DO UPDATE SET
  count = excluded.count, sum = excluded.sum, min = excluded.min, max = excluded.max,
  first = excluded.first, first_time = excluded.first_time,
  last = excluded.last, last_time = excluded.last_time, increase = excluded.increase,
  histogram = excluded.histogram, "distinct" = excluded."distinct", inputs = excluded.inputs,
  marked = excluded.marked
