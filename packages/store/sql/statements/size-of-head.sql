SELECT pg_relation_size('samples_head_' || $1::integer)::float8 AS bytes
