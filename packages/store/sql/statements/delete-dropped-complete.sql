WITH whole AS (
  DELETE FROM windows_complete WHERE ctid = ANY (ARRAY(
    SELECT row.ctid FROM windows_complete AS row
    WHERE row.edition IN (SELECT gone.edition FROM editions AS gone WHERE gone.dropped)
      AND NOT EXISTS (
        SELECT FROM served AS shown
        WHERE shown.edition = row.edition AND shown.range @> row.start
      )
    LIMIT $1
  ))
  RETURNING 1
), failed AS (
  DELETE FROM windows_not_completable WHERE ctid = ANY (ARRAY(
    SELECT row.ctid FROM windows_not_completable AS row
    WHERE row.edition IN (SELECT gone.edition FROM editions AS gone WHERE gone.dropped)
    LIMIT $1
  ))
  RETURNING 1
)
SELECT greatest((SELECT count(*) FROM whole), (SELECT count(*) FROM failed))::integer AS deleted
