-- Rows of windows whose pieces are past their retention, and gone.
WITH bounds AS MATERIALIZED (
  SELECT
    max(before) FILTER (WHERE table_name = 'windows_narrow') AS narrow,
    max(before) FILTER (WHERE table_name = 'windows_wide') AS wide
  FROM expired
), whole AS (
  DELETE FROM windows_complete WHERE ctid = ANY (ARRAY(
    SELECT row.ctid FROM windows_complete AS row, bounds
    WHERE row.start < greatest(bounds.narrow, bounds.wide)
      AND row.start < CASE WHEN row.width < '1 hour' THEN bounds.narrow ELSE bounds.wide END
      AND NOT EXISTS (
        SELECT FROM windows AS piece
        WHERE piece.series_id = row.series_id AND piece.start = row.start
          AND piece.width = row.width AND piece.edition = row.edition
      )
    LIMIT $1
  ))
  RETURNING 1
), failed AS (
  DELETE FROM windows_not_completable WHERE ctid = ANY (ARRAY(
    SELECT row.ctid FROM windows_not_completable AS row, bounds
    WHERE row.start < greatest(bounds.narrow, bounds.wide)
      AND row.start < CASE WHEN row.width < '1 hour' THEN bounds.narrow ELSE bounds.wide END
      AND NOT EXISTS (
        SELECT FROM windows AS piece
        WHERE piece.series_id = row.series_id AND piece.start = row.start
          AND piece.width = row.width AND piece.edition = row.edition
      )
    LIMIT $1
  ))
  RETURNING 1
)
SELECT greatest((SELECT count(*) FROM whole), (SELECT count(*) FROM failed))::integer AS deleted
