-- Tables. Everything here is a public interface except what a comment calls internal.
-- Times are timestamptz with microseconds; a width is an interval of hours and smaller units.

-- Internal: what was applied to this database.
CREATE TABLE schema_migrations (
  number integer PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);

-- Internal: native partitions that the writer made, and what they hold: [from_time, until_time).
CREATE TABLE store_partitions (
  name text PRIMARY KEY,
  parent text NOT NULL,
  -- NULL for tables of samples.
  width interval,
  from_time timestamptz NOT NULL,
  until_time timestamptz NOT NULL
);

-- Internal: query the view `series`. Labels lack __name__, which is `metric`.
CREATE TABLE series_definitions (
  series_id bigint PRIMARY KEY,
  -- The second 8 bytes of the fingerprint: another series with the same id is noticed by it.
  fingerprint_check bigint NOT NULL,
  tenant text NOT NULL,
  metric text NOT NULL,
  labels jsonb NOT NULL,
  kind text NOT NULL,
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX series_definitions_metric ON series_definitions (metric, tenant);
CREATE INDEX series_definitions_labels ON series_definitions USING gin (labels jsonb_path_ops);

CREATE TABLE metadata (
  tenant text NOT NULL,
  metric text NOT NULL,
  type text NOT NULL,
  unit text NOT NULL,
  help text NOT NULL,
  PRIMARY KEY (tenant, metric)
);

-- Raw samples. No unique index: the writer's marks make every sample arrive once.
-- `bucket` is the minute that `time` lies in; a filter on either finds the right partitions.
CREATE TABLE samples (
  time timestamptz NOT NULL,
  bucket timestamptz NOT NULL,
  series_id bigint NOT NULL,
  -- NULL exactly when stale.
  value double precision,
  stale boolean NOT NULL DEFAULT false,
  -- Below the floor: inserted only because nothing of that series and time was there.
  unverified boolean NOT NULL DEFAULT false
) PARTITION BY RANGE (time);
CREATE INDEX samples_series_id_time ON samples (series_id, time);
CREATE INDEX samples_time ON samples USING brin (time, bucket)
  WITH (autosummarize = on, pages_per_range = 512);

-- Native histograms kept raw, every field of remote write in `histogram`.
CREATE TABLE histograms (
  time timestamptz NOT NULL,
  bucket timestamptz NOT NULL,
  series_id bigint NOT NULL,
  histogram bytea,
  stale boolean NOT NULL DEFAULT false,
  unverified boolean NOT NULL DEFAULT false
) PARTITION BY RANGE (time);
CREATE INDEX histograms_series_id_time ON histograms (series_id, time);

CREATE TABLE exemplars (
  time timestamptz NOT NULL,
  bucket timestamptz NOT NULL,
  series_id bigint NOT NULL,
  value double precision NOT NULL,
  labels jsonb NOT NULL
) PARTITION BY RANGE (time);
CREATE INDEX exemplars_series_id_time ON exemplars (series_id, time);

-- The last value of every input series of a piece, series by series in three equally long arrays.
CREATE TYPE series_inputs AS (
  series_ids bigint[],
  times timestamptz[],
  "values" double precision[]
);

-- Finals: pieces that will not change again. Append-only, no unique index.
CREATE TABLE windows (
  edition bigint NOT NULL,
  series_id bigint NOT NULL,
  width interval NOT NULL,
  start timestamptz NOT NULL,
  partition integer NOT NULL,
  piece bigint NOT NULL,
  count bigint NOT NULL,
  sum double precision,
  min double precision,
  max double precision,
  first double precision,
  first_time timestamptz,
  last double precision,
  last_time timestamptz,
  increase double precision,
  histogram bytea,
  "distinct" bytea,
  inputs series_inputs,
  marked boolean NOT NULL
) PARTITION BY RANGE (width, start);
CREATE INDEX windows_series_id_start ON windows (series_id, start);
CREATE INDEX windows_start ON windows USING brin (start) WITH (autosummarize = on);

-- The last published revision of pieces that may still change. Small.
-- The fill factor leaves room for new revisions in place: no index holds a column that changes.
CREATE TABLE windows_open (
  edition bigint NOT NULL,
  series_id bigint NOT NULL,
  width interval NOT NULL,
  start timestamptz NOT NULL,
  partition integer NOT NULL,
  piece bigint NOT NULL,
  count bigint NOT NULL,
  sum double precision,
  min double precision,
  max double precision,
  first double precision,
  first_time timestamptz,
  last double precision,
  last_time timestamptz,
  increase double precision,
  histogram bytea,
  "distinct" bytea,
  inputs series_inputs,
  marked boolean NOT NULL,
  PRIMARY KEY (edition, series_id, width, start, partition, piece)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.1);

-- One version of one rule each.
CREATE TABLE editions (
  edition bigint PRIMARY KEY,
  rule text NOT NULL,
  definition jsonb NOT NULL,
  widths interval[] NOT NULL,
  aggregates text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- From where on an edition is computed in each partition of each log.
CREATE TABLE edition_starts (
  edition bigint NOT NULL,
  log_id text NOT NULL,
  partition integer NOT NULL,
  from_position bigint NOT NULL,
  from_partition_time timestamptz NOT NULL,
  PRIMARY KEY (edition, log_id, partition)
);

-- Which edition of a rule `series_windows` shows for windows that start in `range`.
CREATE TABLE served (
  rule text NOT NULL,
  range tstzrange NOT NULL,
  edition bigint NOT NULL,
  PRIMARY KEY (rule, range)
);

-- How far each source of each partition of each log is applied: everything below
-- (mark_offset, mark_ordinal), nothing at or above. A closed mark never moves again.
CREATE TABLE positions (
  log_id text NOT NULL,
  log_number bigint NOT NULL,
  partition integer NOT NULL,
  source text NOT NULL,
  mark_offset bigint NOT NULL DEFAULT 0,
  mark_ordinal bigint NOT NULL DEFAULT 0,
  open boolean NOT NULL DEFAULT true,
  -- The newest record of the events log whose totals are in the ledger.
  position bigint,
  partition_time timestamptz,
  watermark timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (partition, source, log_id)
) WITH (fillfactor = 20);

-- Internal: query the view `ledger`. Totals as the transformer published them, and what moved
-- between their columns because only the store could tell.
CREATE TABLE ledger_totals (
  log_id text NOT NULL,
  partition integer NOT NULL,
  source text NOT NULL,
  tenant text NOT NULL,
  accepted bigint NOT NULL DEFAULT 0,
  stored bigint NOT NULL DEFAULT 0,
  duplicate bigint NOT NULL DEFAULT 0,
  conflict bigint NOT NULL DEFAULT 0,
  dropped bigint NOT NULL DEFAULT 0,
  unverified bigint NOT NULL DEFAULT 0,
  dead_letter bigint NOT NULL DEFAULT 0,
  unverified_to_stored bigint NOT NULL DEFAULT 0,
  unverified_to_duplicate bigint NOT NULL DEFAULT 0,
  unverified_to_dead_letter bigint NOT NULL DEFAULT 0,
  stored_to_dead_letter bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (log_id, partition, source, tenant)
) WITH (fillfactor = 50);

-- What can never be stored, with its bytes.
CREATE TABLE dead_letters (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  log_id text NOT NULL,
  partition integer NOT NULL,
  source text NOT NULL,
  -- What it was: sample, histogram, definition, window, …
  entry text NOT NULL,
  tenant text NOT NULL,
  reason text NOT NULL,
  detail text NOT NULL,
  series_id bigint,
  fingerprint bytea,
  time timestamptz,
  value double precision,
  received_at timestamptz,
  -- The refused entry as JSON in UTF-8; bytea, because text cannot hold every character.
  payload bytea
);
CREATE INDEX dead_letters_recorded_at ON dead_letters (recorded_at);

-- Samples below the floor of series that are not kept raw.
CREATE TABLE unverified (
  time timestamptz NOT NULL,
  tenant text NOT NULL,
  series_id bigint NOT NULL,
  fingerprint bytea NOT NULL,
  value double precision,
  stale boolean NOT NULL,
  received_at timestamptz NOT NULL,
  partition integer NOT NULL
);
CREATE INDEX unverified_series_id_time ON unverified (series_id, time);
CREATE INDEX unverified_received_at ON unverified USING brin (received_at);
