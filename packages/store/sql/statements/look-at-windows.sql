-- The same of windows that are named, marked or not: those of them that have pieces.
WITH found AS MATERIALIZED (
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::interval[], $4::timestamptz[])
    AS given(edition, series_id, width, start)
)
SELECT
  found.edition::text, int8send(found.series_id) AS series_id,
  (extract(epoch FROM found.width) * 1000000)::bigint AS width_us,
  (extract(epoch FROM found.start) * 1000000)::bigint AS start_us,
  made.pieces, made.samples, made.is_open, made.partitions, made.first_pieces,
  coalesce(whole.marked AND whole.pieces = made.pieces AND whole.samples = made.samples, false)
    AS is_bounded,
  CASE WHEN whole.run IS NULL THEN made.is_marked
    ELSE whole.marked OR whole.pieces <> made.pieces OR whole.samples <> made.samples
  END AS is_marked,
  whole.run IS NOT NULL AS has_row, made.is_marked AS has_mark, made.increase
FROM found
LEFT JOIN windows_complete AS whole
  ON whole.edition = found.edition AND whole.series_id = found.series_id
  AND whole.width = found.width AND whole.start = found.start
CROSS JOIN LATERAL (
  SELECT
    sum(one.pieces)::bigint AS pieces, sum(one.samples)::bigint AS samples,
    bool_or(one.is_open) AS is_open, bool_or(one.is_marked) AS is_marked,
    array_agg(one.partition ORDER BY one.partition) AS partitions,
    array_agg(one.first_piece ORDER BY one.partition)::text[] AS first_pieces,
    sum_in_order(one.increase ORDER BY one.partition) AS increase
  FROM (
    SELECT
      piece.partition, count(*) AS pieces, sum(piece.count) AS samples,
      bool_or(piece.is_open) AS is_open, bool_or(piece.marked) AS is_marked,
      min(piece.piece) AS first_piece,
      sum_in_order(piece.increase ORDER BY piece.piece) AS increase
    FROM window_pieces AS piece
    WHERE piece.series_id = found.series_id AND piece.start = found.start
      AND piece.width = found.width AND piece.edition = found.edition
    GROUP BY piece.partition
  ) AS one
) AS made
WHERE made.pieces > 0
ORDER BY found.start, found.series_id, found.width, found.edition
