SELECT drop_store_chunk($1)
