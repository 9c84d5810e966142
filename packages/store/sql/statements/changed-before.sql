-- Which of the rows given, by their places, have a window of the same series and width before them
-- that is marked, and was not looked at as it is by the time of their run. What came to such a
-- window may be what makes them another one.
SELECT (found.place - 1)::integer AS place
FROM unnest($1::bigint[], $2::bigint[], $3::interval[], $4::timestamptz[], $5::bigint[])
  WITH ORDINALITY AS found(edition, series_id, width, start, run, place)
WHERE EXISTS (
  SELECT FROM (
    SELECT
      piece.start, count(*) AS pieces, sum(piece.count) AS samples,
      bool_or(piece.marked) AS is_marked
    FROM window_pieces AS piece
    WHERE piece.series_id = found.series_id AND piece.start < found.start
      AND piece.width = found.width AND piece.edition = found.edition
    GROUP BY piece.start
  ) AS made
  LEFT JOIN windows_complete AS whole
    ON whole.edition = found.edition AND whole.series_id = found.series_id
    AND whole.width = found.width AND whole.start = made.start
  WHERE CASE WHEN whole.run IS NULL THEN made.is_marked
    ELSE whole.pieces <> made.pieces OR whole.samples <> made.samples
  END AND NOT EXISTS (
    SELECT FROM windows_not_completable AS known
    WHERE known.edition = found.edition AND known.series_id = found.series_id
      AND known.width = found.width AND known.start = made.start
      AND known.pieces = made.pieces AND known.samples = made.samples
      AND known.run <= found.run
  )
)
