-- Internal: native partitions are made by the writer before it needs them. There is no default
-- partition: it would collect rows silently, and no range could be split off it again.

-- The table is filled with its indexes by ATTACH, which, unlike CREATE ... PARTITION OF, does not
-- stop writers and readers of the parent meanwhile.
CREATE FUNCTION create_store_partition(
  parent_name text, partition_name text, partition_width interval,
  from_time timestamptz, until_time timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  key text := CASE WHEN partition_width IS NULL THEN '' ELSE format('%L, ', partition_width) END;
  coarse text := CASE WHEN partition_width IS NULL THEN 'bucket' ELSE 'start' END;
BEGIN
  EXECUTE format(
    'CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING INDEXES,'
    ' CONSTRAINT %I CHECK (%I >= %L AND %I < %L))'
    ' WITH (autovacuum_vacuum_insert_threshold = 10000000,'
    ' autovacuum_vacuum_insert_scale_factor = 1)',
    partition_name, parent_name, partition_name || '_' || coarse,
    coarse, from_time, coarse, until_time
  );
  EXECUTE format(
    'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s%L) TO (%s%L)',
    parent_name, partition_name, key, from_time, key, until_time
  );
  INSERT INTO store_partitions (name, parent, width, from_time, until_time)
  VALUES (partition_name, parent_name, partition_width, from_time, until_time);
END
$$;

CREATE FUNCTION drop_store_partition(partition_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS %I', partition_name);
  DELETE FROM store_partitions WHERE name = partition_name;
END
$$;

-- Deletes at most `rows_max` rows of one table that are older than a time; returns how many.
CREATE FUNCTION delete_before(
  table_name text, time_column text, before timestamptz, rows_max integer
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  deleted bigint;
BEGIN
  EXECUTE format(
    'DELETE FROM %I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %I WHERE %I < $1 LIMIT $2))',
    table_name, table_name, time_column
  ) USING before, rows_max;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END
$$;
