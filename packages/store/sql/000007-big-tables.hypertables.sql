-- The big tables become hypertables of TimescaleDB: the same columns, indexes and views over them.
-- They are empty still. Works with every edition.
INSERT INTO store_layout (layout) VALUES ('hypertables');

-- Views are made again, as they are, over the tables that are made again.
CREATE TEMPORARY TABLE views_made_again ON COMMIT DROP AS
SELECT name, pg_get_viewdef(name::regclass) AS definition
FROM unnest(ARRAY['series_samples', 'series_windows']) AS name;
DROP VIEW series_samples, series_windows;

ALTER TABLE samples RENAME TO samples_before;
ALTER TABLE histograms RENAME TO histograms_before;
ALTER TABLE exemplars RENAME TO exemplars_before;
ALTER TABLE windows RENAME TO windows_before;

-- As for native partitions: append-only tables need not be vacuumed for every fifth row.
CREATE TABLE samples (LIKE samples_before INCLUDING DEFAULTS)
  WITH (autovacuum_vacuum_insert_threshold = 10000000, autovacuum_vacuum_insert_scale_factor = 1);
CREATE TABLE histograms (LIKE histograms_before INCLUDING DEFAULTS)
  WITH (autovacuum_vacuum_insert_threshold = 10000000, autovacuum_vacuum_insert_scale_factor = 1);
CREATE TABLE exemplars (LIKE exemplars_before INCLUDING DEFAULTS)
  WITH (autovacuum_vacuum_insert_threshold = 10000000, autovacuum_vacuum_insert_scale_factor = 1);
-- Two, because chunks are dropped as a whole and wide windows are kept for much longer.
CREATE TABLE windows_narrow (LIKE windows_before INCLUDING DEFAULTS, CHECK (width < '1 hour'))
  WITH (autovacuum_vacuum_insert_threshold = 10000000, autovacuum_vacuum_insert_scale_factor = 1);
CREATE TABLE windows_wide (LIKE windows_before INCLUDING DEFAULTS, CHECK (width >= '1 hour'))
  WITH (autovacuum_vacuum_insert_threshold = 10000000, autovacuum_vacuum_insert_scale_factor = 1);

DROP TABLE samples_before, histograms_before, exemplars_before, windows_before, store_partitions;
DROP FUNCTION create_store_partition, drop_store_partition;

-- No unique index: the writer's marks make every row arrive once, and one would switch direct
-- compress off. `bucket` is a dimension too, so that a filter on it finds the right chunks.
SELECT create_hypertable(name, by_range('time', interval '1 day'), create_default_indexes => false)
FROM unnest(ARRAY['samples', 'histograms', 'exemplars']::regclass[]) AS name;
SELECT add_dimension(name, by_range('bucket', interval '1 day'))
FROM unnest(ARRAY['samples', 'histograms', 'exemplars']::regclass[]) AS name;
SELECT create_hypertable(
  'windows_narrow', by_range('start', interval '1 day'), create_default_indexes => false
);
SELECT create_hypertable(
  'windows_wide', by_range('start', interval '30 days'), create_default_indexes => false
);

CREATE INDEX samples_series_id_time ON samples (series_id, time);
CREATE INDEX samples_time ON samples USING brin (time, bucket)
  WITH (autosummarize = on, pages_per_range = 512);
CREATE INDEX histograms_series_id_time ON histograms (series_id, time);
CREATE INDEX exemplars_series_id_time ON exemplars (series_id, time);
CREATE INDEX windows_narrow_series_id_start ON windows_narrow (series_id, start);
CREATE INDEX windows_narrow_start ON windows_narrow USING brin (start) WITH (autosummarize = on);
CREATE INDEX windows_wide_series_id_start ON windows_wide (series_id, start);
CREATE INDEX windows_wide_start ON windows_wide USING brin (start) WITH (autosummarize = on);

-- Read, filled and deleted from like the table it is in the other layout. Rules, because they
-- rewrite a statement for many rows; a trigger would be called for each.
CREATE VIEW windows AS SELECT * FROM windows_narrow UNION ALL SELECT * FROM windows_wide;
CREATE RULE windows_insert AS ON INSERT TO windows DO INSTEAD (
  INSERT INTO windows_narrow SELECT NEW.* WHERE NEW.width < '1 hour';
  INSERT INTO windows_wide SELECT NEW.* WHERE NEW.width >= '1 hour'
);
CREATE RULE windows_delete AS ON DELETE TO windows DO INSTEAD (
  DELETE FROM windows_narrow AS stored
  WHERE (edition, series_id, width, start, partition, piece)
    = (OLD.edition, OLD.series_id, OLD.width, OLD.start, OLD.partition, OLD.piece);
  DELETE FROM windows_wide AS stored
  WHERE (edition, series_id, width, start, partition, piece)
    = (OLD.edition, OLD.series_id, OLD.width, OLD.start, OLD.partition, OLD.piece)
);

DO $$
DECLARE
  made record;
BEGIN
  FOR made IN SELECT * FROM views_made_again LOOP
    EXECUTE format('CREATE VIEW %I AS %s', made.name, made.definition);
  END LOOP;
END
$$;

-- Makes a chunk of about the given length around a time that is far from now, where there would
-- be thousands of short ones. Only a row brings a chunk about, so one comes and goes. The functions
-- of TimescaleDB may lie in any schema: it is on the path while this file runs, and so in here.
CREATE FUNCTION create_store_chunk(
  table_name text, chunk_time timestamptz, chunk_length interval
) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  usual record;
  dimension record;
  chunk regclass;
  place tid;
BEGIN
  SELECT array_agg(column_name) AS columns, array_agg(time_interval) AS intervals INTO usual
  FROM timescaledb_information.dimensions
  WHERE hypertable_schema = current_schema() AND hypertable_name = table_name;
  FOR dimension IN SELECT unnest(usual.columns) AS name LOOP
    PERFORM set_chunk_time_interval(table_name::regclass, chunk_length, dimension.name);
  END LOOP;
  EXECUTE format('INSERT INTO %I SELECT (jsonb_populate_record(NULL::%I, $1)).*'
    ' RETURNING tableoid::regclass, ctid', table_name, table_name)
  INTO STRICT chunk, place USING jsonb_build_object(
    'time', chunk_time, 'bucket', chunk_time, 'start', chunk_time,
    'width', CASE table_name WHEN 'windows_wide' THEN '1 hour' ELSE '1 minute' END,
    'value', 0, 'labels', '{}'::jsonb, 'stale', false, 'unverified', false, 'marked', false,
    'series_id', 0, 'edition', 0, 'partition', 0, 'piece', 0, 'count', 0
  );
  EXECUTE format('DELETE FROM %s WHERE ctid = $1 AND series_id = 0', chunk) USING place;
  FOR dimension IN
    SELECT unnest(usual.columns) AS name, unnest(usual.intervals) AS usual_length
  LOOP
    PERFORM set_chunk_time_interval(
      table_name::regclass, dimension.usual_length, dimension.name
    );
  END LOOP;
END
$$;

-- Drops one chunk, given as `schema.table`.
CREATE FUNCTION drop_store_chunk(chunk text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM drop_chunks(
    format('%I.%I', hypertable_schema, hypertable_name)::regclass,
    older_than => range_end, newer_than => range_start
  )
  FROM timescaledb_information.chunks
  WHERE format('%I.%I', chunk_schema, chunk_name) = chunk;
END
$$;
