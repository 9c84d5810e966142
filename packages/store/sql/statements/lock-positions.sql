-- Whoever moves a mark waits until this transaction is over.
SELECT 1 FROM positions ORDER BY partition, source, log_id FOR UPDATE
