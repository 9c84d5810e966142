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
    FROM (
      SELECT final.start, final.count, final.marked
      FROM windows AS final
      WHERE final.series_id = found.series_id AND final.start < found.start
        AND final.width = found.width AND final.edition = found.edition
      UNION ALL
      SELECT revision.start, revision.count, revision.marked
      FROM windows_open AS revision
      WHERE revision.series_id = found.series_id AND revision.start < found.start
        AND revision.width = found.width AND revision.edition = found.edition
        AND NOT EXISTS (
          SELECT FROM windows AS final
          WHERE final.series_id = revision.series_id AND final.start = revision.start
            AND final.width = revision.width AND final.edition = revision.edition
            AND final.partition = revision.partition AND final.piece = revision.piece
        )
    ) AS piece
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
