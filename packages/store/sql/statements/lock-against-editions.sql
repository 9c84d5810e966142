-- Until the transaction ends no edition begins, ends or is dropped.
LOCK TABLE editions IN SHARE MODE
