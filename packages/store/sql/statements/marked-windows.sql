-- Windows that are marked and hold a time of [$1, $2), of some rules ($3; NULL: all) and one
-- tenant ($4; NULL: all), behind the one that $5 to $8 name (NULL: from the first one), $9 at most.
-- Only those that show as marked: what was computed again since, and is whole, is left out. None
-- that is past its retention, and none of a dropped edition unless it is served. With $10 none
-- either that could not be computed as it is now. With $11 also those that were computed again and
-- are whole.
WITH widest AS MATERIALIZED (
  SELECT coalesce(max(width), '0') AS width FROM editions, unnest(editions.widths) AS width
), wanted AS MATERIALIZED (
  SELECT known.edition, known.dropped FROM editions AS known
  WHERE $3::text[] IS NULL OR known.rule = ANY ($3)
), marked AS MATERIALIZED (
  SELECT row.start, row.series_id, row.width, row.edition, known.tenant
  FROM (
    SELECT start, series_id, width, edition FROM windows
    WHERE marked AND start + width > $1 AND start < $2
      AND start > $1::timestamptz - (SELECT width FROM widest)
    UNION
    SELECT start, series_id, width, edition FROM windows_open
    WHERE marked AND start + width > $1 AND start < $2
      AND start > $1::timestamptz - (SELECT width FROM widest)
    UNION
    -- Computed again for the sake of others, perhaps, without a mark.
    SELECT start, series_id, width, edition FROM windows_complete
    WHERE start + width > $1 AND start < $2
      AND start > $1::timestamptz - (SELECT width FROM widest)
  ) AS row
  JOIN wanted ON wanted.edition = row.edition
  LEFT JOIN series_definitions AS known ON known.series_id = row.series_id
  WHERE (
    $5::timestamptz IS NULL
    OR (row.start, row.series_id, row.width, row.edition)
      > ($5, $6::bigint, $7::interval, $8::bigint)
  ) AND (
    NOT wanted.dropped OR EXISTS (
      SELECT FROM served AS shown
      WHERE shown.edition = row.edition AND shown.range @> row.start
    )
  ) AND ($4::text IS NULL OR known.tenant = $4)
), kept AS MATERIALIZED (
  -- Once for all windows of one kind: looking it up for each takes longer than all else.
  SELECT kind.width, kind.edition, kind.tenant, coalesce(expired_before(
    CASE WHEN kind.width < '1 hour' THEN 'windows_narrow' ELSE 'windows_wide' END,
    kind.width, kind.edition, kind.tenant
  ), '-infinity') AS from_time
  FROM (SELECT DISTINCT width, edition, tenant FROM marked) AS kind
), found AS MATERIALIZED (
  SELECT marked.start, marked.series_id, marked.width, marked.edition
  FROM marked JOIN kept
    ON kept.width = marked.width AND kept.edition = marked.edition
    AND kept.tenant IS NOT DISTINCT FROM marked.tenant
  WHERE marked.start >= kept.from_time
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
  END AS is_marked
FROM found
LEFT JOIN windows_complete AS whole
  ON whole.edition = found.edition AND whole.series_id = found.series_id
  AND whole.width = found.width AND whole.start = found.start
CROSS JOIN LATERAL (
  SELECT
    sum(one.pieces)::bigint AS pieces, sum(one.samples)::bigint AS samples,
    bool_or(one.is_open) AS is_open, bool_or(one.is_marked) AS is_marked,
    array_agg(one.partition ORDER BY one.partition) AS partitions,
    array_agg(one.first_piece ORDER BY one.partition)::text[] AS first_pieces
  FROM (
    SELECT
      piece.partition, count(*) AS pieces, sum(piece.count) AS samples,
      bool_or(piece.is_open) AS is_open, bool_or(piece.marked) AS is_marked,
      min(piece.piece) AS first_piece
    FROM window_pieces AS piece
    WHERE piece.series_id = found.series_id AND piece.start = found.start
      AND piece.width = found.width AND piece.edition = found.edition
    GROUP BY piece.partition
  ) AS one
) AS made
WHERE (
  $11 OR whole.run IS NULL OR whole.marked
  OR whole.pieces <> made.pieces OR whole.samples <> made.samples
) AND NOT ($10 AND EXISTS (
  SELECT FROM windows_not_completable AS known
  WHERE known.edition = found.edition AND known.series_id = found.series_id
    AND known.width = found.width AND known.start = found.start
    AND known.pieces = made.pieces AND known.samples = made.samples
))
ORDER BY found.start, found.series_id, found.width, found.edition
LIMIT $9
