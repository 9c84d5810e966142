SELECT drop_store_partition($1)
