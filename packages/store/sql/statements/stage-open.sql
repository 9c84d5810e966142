-- Nothing of it is left after the transaction. Without constraints: the table behind it has them.
CREATE TEMPORARY TABLE open_pieces ON COMMIT DROP AS SELECT * FROM windows_open WITH NO DATA
