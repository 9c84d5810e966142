-- Writes a record to the write-ahead log, so that the commit behind it has something to flush.
SELECT pg_logical_emit_message(true, 'millrace', '')
