COPY samples_packed (
  series_id, bucket, start, base, step, divisor, count, offsets, small, large, floats,
  stale_places, unverified_places
) FROM STDIN (FORMAT binary)
