SELECT
  edition, rule, definition::text AS definition,
  ARRAY(
    SELECT (extract(epoch FROM width) * 1000000)::bigint
    FROM unnest(widths) WITH ORDINALITY AS given(width, place) ORDER BY place
  )::text[] AS widths_us,
  aggregates, candidate, dropped
FROM editions
ORDER BY edition
