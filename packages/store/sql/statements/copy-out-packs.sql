COPY (
  SELECT
    series_id, start, step, base, divisor, offsets, small, large, floats,
    stale_places, unverified_places
  FROM samples_packed
  WHERE bucket >= date_trunc('minute', :from_time)
    AND bucket < :until_time + interval '10 minutes'
    AND (series_id & 4294967295) % :slices = :slice
) TO STDOUT (FORMAT binary)
