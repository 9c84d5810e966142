-- The big tables are native partitions, as the first migrations have made them.
INSERT INTO store_layout (layout) VALUES ('partitions');
