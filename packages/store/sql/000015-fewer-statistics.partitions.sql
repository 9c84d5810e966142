-- Autovacuum counts values only of columns that a plan can depend on. A table that grows fast is
-- analyzed every few seconds at first, and of arrays each element is looked at: that took half as
-- much time again as storing.

-- As before, and with as many values counted as of the parent's columns.
CREATE OR REPLACE FUNCTION create_store_partition(
  parent_name text, partition_name text, partition_width interval,
  from_time timestamptz, until_time timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  key text := CASE WHEN partition_width IS NULL THEN '' ELSE format('%L, ', partition_width) END;
  coarse text := CASE WHEN partition_width IS NULL THEN 'bucket' ELSE 'start' END;
  targets text;
BEGIN
  EXECUTE format(
    'CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING INDEXES,'
    ' CONSTRAINT %I CHECK (%I >= %L AND %I < %L))'
    ' WITH (autovacuum_vacuum_insert_threshold = 10000000,'
    ' autovacuum_vacuum_insert_scale_factor = 1)',
    partition_name, parent_name, partition_name || '_' || coarse,
    coarse, from_time, coarse, until_time
  );
  SELECT string_agg(format('ALTER %I SET STATISTICS %s', attname, attstattarget), ', ')
  INTO targets
  FROM pg_attribute
  WHERE attrelid = parent_name::regclass AND attnum > 0 AND attstattarget >= 0;
  IF targets IS NOT NULL THEN EXECUTE format('ALTER TABLE %I %s', partition_name, targets); END IF;
  EXECUTE format(
    'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s%L) TO (%s%L)',
    parent_name, partition_name, key, from_time, key, until_time
  );
  INSERT INTO store_partitions (name, parent, width, from_time, until_time)
  VALUES (partition_name, parent_name, partition_width, from_time, until_time);
END
$$;

-- Found by series and bucket; whatever else a query asks for is computed from whole rows.
ALTER TABLE samples_packed
  ALTER start SET STATISTICS 0, ALTER base SET STATISTICS 0, ALTER step SET STATISTICS 0,
  ALTER divisor SET STATISTICS 0, ALTER count SET STATISTICS 0, ALTER offsets SET STATISTICS 0,
  ALTER small SET STATISTICS 0, ALTER large SET STATISTICS 0, ALTER floats SET STATISTICS 0,
  ALTER stale_places SET STATISTICS 0, ALTER unverified_places SET STATISTICS 0;

-- Found by what names a piece; what it holds is merged with others before anybody sees it.
ALTER TABLE windows
  ALTER count SET STATISTICS 0, ALTER sum SET STATISTICS 0, ALTER min SET STATISTICS 0,
  ALTER max SET STATISTICS 0, ALTER first SET STATISTICS 0, ALTER first_time SET STATISTICS 0,
  ALTER last SET STATISTICS 0, ALTER last_time SET STATISTICS 0,
  ALTER increase SET STATISTICS 0, ALTER histogram SET STATISTICS 0,
  ALTER "distinct" SET STATISTICS 0, ALTER inputs SET STATISTICS 0,
  ALTER marked SET STATISTICS 0;
