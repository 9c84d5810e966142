DELETE FROM store_partitions WHERE to_regclass(quote_ident(name)) IS NULL
