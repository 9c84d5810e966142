-- Internal: how the big tables lie on disk, 'partitions' or 'hypertables'; one row. The first
-- migration of a database decides it for good, and the next file exists once for each.
CREATE TABLE store_layout (
  layout text PRIMARY KEY
);

-- As before, but for tables in any schema, given as `schema.table`: chunks lie in one of their own.
CREATE OR REPLACE FUNCTION delete_before(
  table_name text, time_column text, before timestamptz, rows_max integer
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  place regclass := table_name::regclass;
  deleted bigint;
BEGIN
  EXECUTE format(
    'DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %s WHERE %I < $1 LIMIT $2))',
    place, place, time_column
  ) USING before, rows_max;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END
$$;
