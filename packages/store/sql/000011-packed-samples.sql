-- Raw samples are packed: one row for each series and some minutes. From now on `samples` is a view
-- over three tables that are internal.

-- Rows of before; rows that the packed form was refused for; and all rows where TimescaleDB has a
-- columnstore that they can be copied into.
ALTER TABLE samples RENAME TO samples_narrow;
ALTER INDEX samples_series_id_time RENAME TO samples_narrow_series_id_time;
ALTER INDEX samples_time RENAME TO samples_narrow_time;

-- What came just now and waits to be packed. Each partition of the events log has a part of its
-- own, small enough for its index to stay in memory.
CREATE TABLE samples_head (
  time timestamptz NOT NULL,
  bucket timestamptz NOT NULL,
  series_id bigint NOT NULL,
  value double precision,
  partition integer NOT NULL,
  stale boolean NOT NULL,
  unverified boolean NOT NULL
) PARTITION BY LIST (partition);
CREATE INDEX samples_head_series_id ON samples_head (series_id);

-- One row for each part of samples_head; whoever changes that sets `version` anew first, which
-- locks it. What is packed is not read from the table but remembered by whoever wrote it: as long
-- as the version is the same, so are the rows.
CREATE TABLE samples_head_versions (
  partition integer PRIMARY KEY,
  version bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);

-- One row for each series and pack: its samples by time, of at most ten minutes and of one day.
CREATE TABLE samples_packed (
  series_id bigint NOT NULL,
  -- The minute that the last sample lies in: of each of them, minute <= bucket <= minute + 10 min.
  bucket timestamptz NOT NULL,
  -- The time of the first sample.
  start timestamptz NOT NULL,
  base bigint,
  -- Microseconds from one sample to the next, where that is always the same; else see `offsets`.
  step integer,
  divisor integer,
  count smallint NOT NULL,
  -- Microseconds from `start` on.
  offsets integer[],
  -- A value is (base + small) / divisor, where that gives back each value of the row exactly; else
  -- (base + large) / divisor; else it is in `floats`. The divisor is a power of ten.
  small smallint[],
  large integer[],
  floats double precision[],
  -- Which of the samples, counted from 1, are stale or unverified; NULL: none.
  stale_places smallint[],
  unverified_places smallint[]
) PARTITION BY RANGE (bucket);

DO $$
BEGIN
  IF (SELECT layout FROM store_layout) = 'partitions' THEN
    UPDATE store_partitions SET parent = 'samples_narrow' WHERE parent = 'samples';
    RETURN;
  END IF;
  ALTER TABLE samples_packed RENAME TO samples_packed_before;
  CREATE TABLE samples_packed (LIKE samples_packed_before INCLUDING DEFAULTS)
    WITH (autovacuum_vacuum_insert_threshold = 10000000, autovacuum_vacuum_insert_scale_factor = 1);
  DROP TABLE samples_packed_before;
  PERFORM create_hypertable(
    'samples_packed', by_range('bucket', interval '1 day'), create_default_indexes => false
  );
END
$$;

CREATE INDEX samples_packed_series_id_bucket ON samples_packed (series_id, bucket);

-- Makes the part of samples_head for one partition of the events log. As for other tables, ATTACH
-- does not stop those who read and write meanwhile.
CREATE FUNCTION create_samples_head(events_partition integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  name text := 'samples_head_' || events_partition;
BEGIN
  IF to_regclass(name) IS NULL THEN
    EXECUTE format(
      'CREATE TABLE %I (LIKE samples_head INCLUDING ALL, CHECK (partition = %s))'
      -- Emptied and vacuumed by the writer; if that cannot, soon by somebody else.
      ' WITH (autovacuum_vacuum_threshold = 100000, autovacuum_vacuum_scale_factor = 0,'
      ' autovacuum_vacuum_insert_threshold = 10000000)',
      name, events_partition
    );
    EXECUTE format(
      'ALTER TABLE samples_head ATTACH PARTITION %I FOR VALUES IN (%s)', name, events_partition
    );
  END IF;
  INSERT INTO samples_head_versions (partition) VALUES (events_partition)
  ON CONFLICT (partition) DO UPDATE SET version = samples_head_versions.version + 1;
END
$$;

-- Every raw sample once. A filter on `bucket` finds the right ranges; of packed rows it is the
-- minute of the last sample of its row, up to ten minutes behind the sample's own:
--   WHERE time >= a AND time < b
--     AND bucket >= date_trunc('minute', a) AND bucket < b + interval '10 minutes'
CREATE VIEW samples AS
SELECT time, bucket, series_id, value, stale, unverified FROM samples_narrow
UNION ALL
SELECT time, bucket, series_id, value, stale, unverified FROM samples_head
UNION ALL
SELECT
  packed.start + coalesce(one.offset_us, (one.place - 1) * packed.step) * interval '1 microsecond',
  packed.bucket,
  packed.series_id,
  CASE WHEN packed.stale_places IS NULL OR one.place <> ALL (packed.stale_places) THEN coalesce(
    (packed.base + coalesce(one.small, one.large))::double precision / packed.divisor, one.float
  ) END,
  packed.stale_places IS NOT NULL AND one.place = ANY (packed.stale_places),
  packed.unverified_places IS NOT NULL AND one.place = ANY (packed.unverified_places)
FROM samples_packed AS packed,
  unnest(packed.small, packed.large, packed.floats, packed.offsets)
  WITH ORDINALITY AS one(small, large, float, offset_us, place);

-- The same beside the names of their series; filter on metric and bucket. Not over the view above:
-- each of the three tables has to be found by the series.
CREATE OR REPLACE VIEW series_samples AS
SELECT
  sample.time, sample.bucket, sample.series_id, known.tenant, known.metric, known.labels,
  known.kind, sample.value, sample.stale, sample.unverified
FROM samples_narrow AS sample
LEFT JOIN series_definitions AS known USING (series_id)
UNION ALL
SELECT
  sample.time, sample.bucket, sample.series_id, known.tenant, known.metric, known.labels,
  known.kind, sample.value, sample.stale, sample.unverified
FROM samples_head AS sample
LEFT JOIN series_definitions AS known USING (series_id)
UNION ALL
SELECT
  packed.start + coalesce(one.offset_us, (one.place - 1) * packed.step) * interval '1 microsecond',
  packed.bucket, packed.series_id, known.tenant, known.metric, known.labels, known.kind,
  CASE WHEN packed.stale_places IS NULL OR one.place <> ALL (packed.stale_places) THEN coalesce(
    (packed.base + coalesce(one.small, one.large))::double precision / packed.divisor, one.float
  ) END,
  packed.stale_places IS NOT NULL AND one.place = ANY (packed.stale_places),
  packed.unverified_places IS NOT NULL AND one.place = ANY (packed.unverified_places)
FROM samples_packed AS packed
LEFT JOIN series_definitions AS known USING (series_id)
CROSS JOIN LATERAL unnest(packed.small, packed.large, packed.floats, packed.offsets)
  WITH ORDINALITY AS one(small, large, float, offset_us, place);

-- Raw samples of the selected series in [from_time, to_time). OFFSET keeps the planner from joining
-- series with all samples of that time: each series is looked up on its own.
CREATE OR REPLACE FUNCTION samples_of(selector text, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (
  "time" timestamptz, series_id bigint, tenant text, metric text, labels jsonb,
  value double precision, stale boolean, unverified boolean
)
LANGUAGE sql STABLE ROWS 1000 AS $$
  SELECT
    sample.time, known.series_id, known.tenant, known.metric, known.labels,
    sample.value, sample.stale, sample.unverified
  FROM series_of(selector) AS known
  CROSS JOIN LATERAL (
    SELECT one.time, one.value, one.stale, one.unverified
    FROM samples AS one
    WHERE one.series_id = known.series_id
      AND one.time >= from_time AND one.time < to_time
      AND one.bucket >= date_trunc('minute', from_time)
      AND one.bucket < to_time + interval '10 minutes'
    OFFSET 0
  ) AS sample
$$;

-- Whoever could read the table can read the view.
DO $$
DECLARE
  reader record;
BEGIN
  FOR reader IN
    SELECT DISTINCT grantee FROM information_schema.role_table_grants
    WHERE table_schema = current_schema() AND table_name = 'samples_narrow'
      AND privilege_type = 'SELECT' AND grantee <> current_user
  LOOP
    EXECUTE format(
      'GRANT SELECT ON samples TO %s',
      CASE reader.grantee WHEN 'PUBLIC' THEN 'PUBLIC' ELSE quote_ident(reader.grantee) END
    );
  END LOOP;
END
$$;
