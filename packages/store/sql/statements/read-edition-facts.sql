SELECT
  known.edition, known.rule, known.definition::text AS definition, known.aggregates,
  known.candidate, known.dropped,
  (extract(epoch FROM known.created_at) * 1000000)::float8 AS created_us,
  ARRAY(
    SELECT (extract(epoch FROM width) * 1000000)::float8
    FROM unnest(known.widths) WITH ORDINALITY AS given(width, place) ORDER BY place
  ) AS widths_us,
  (SELECT ARRAY(
    SELECT (extract(epoch FROM from_time) * 1000000)::float8
    FROM unnest(past.from_times) WITH ORDINALITY AS given(from_time, place) ORDER BY place
  ) FROM edition_pasts AS past WHERE past.edition = known.edition) AS past_us,
  live.begun, live.partitions, live.reached_us,
  (SELECT count(DISTINCT partition)::integer FROM edition_ends AS ended
    WHERE ended.edition = known.edition) AS ended
FROM editions AS known
CROSS JOIN LATERAL (
  SELECT
    count(DISTINCT started.partition)::integer AS begun,
    coalesce(max(started.partitions), 0) AS partitions,
    (extract(epoch FROM max(greatest(started.from_partition_time, started.from_largest_time)))
      * 1000000)::float8 AS reached_us
  FROM edition_starts AS started WHERE started.edition = known.edition
) AS live
ORDER BY known.edition
