DROP TABLE pg_temp.open_pieces
