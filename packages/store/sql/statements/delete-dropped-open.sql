DELETE FROM windows_open WHERE ctid = ANY (ARRAY(
  SELECT piece.ctid FROM windows_open AS piece
  WHERE piece.edition IN (SELECT gone.edition FROM editions AS gone WHERE gone.dropped)
    AND NOT EXISTS (
      SELECT FROM served AS shown
      WHERE shown.edition = piece.edition AND shown.range @> piece.start
    )
  LIMIT $1
))
