DELETE FROM windows_complete WHERE ctid = ANY (ARRAY(
  SELECT whole.ctid FROM windows_complete AS whole
  WHERE whole.edition IN (SELECT gone.edition FROM editions AS gone WHERE gone.dropped)
    AND NOT EXISTS (
      SELECT FROM served AS shown
      WHERE shown.edition = whole.edition AND shown.range @> whole.start
    )
  LIMIT $1
))
