-- History under other rules: candidates, jobs, promotions.

-- The candidate that an edition was begun for, which is not served until it is promoted; NULL: it
-- was in force at once. `dropped`: its windows that are not served are deleted, and what comes
-- later of them is not stored.
ALTER TABLE editions ADD COLUMN candidate bigint;
ALTER TABLE editions ADD COLUMN dropped_at timestamptz;
ALTER TABLE editions ADD COLUMN dropped boolean NOT NULL
  GENERATED ALWAYS AS (dropped_at IS NOT NULL) STORED;
-- Internal: a dropped edition of which nothing is left to be deleted.
ALTER TABLE editions ADD COLUMN freed boolean NOT NULL DEFAULT false;

-- Which partitions' past is folded into a candidate, up to a position of the events log.
CREATE TABLE job_ends (
  candidate bigint NOT NULL,
  log_id text NOT NULL,
  partition integer NOT NULL,
  position bigint NOT NULL,
  -- Internal: in how many partitions it has to end.
  partitions integer NOT NULL,
  -- `[{"edition": …, "from_us": […]}]`: from which window start on, for each of its widths, in
  -- microseconds of Unix time; null: since ever.
  editions jsonb NOT NULL,
  PRIMARY KEY (candidate, log_id, partition)
);

-- Internal: from which window start on an edition is whole in all partitions, for each of its
-- widths: what `job_ends` says, once they have all ended.
CREATE TABLE edition_pasts (
  edition bigint PRIMARY KEY,
  from_times timestamptz[] NOT NULL
);

-- Which editions a person has brought before users, and from which window start on; those that were
-- rolled back are gone. Of a rule that is not among those promoted the edition is NULL: from there
-- on nothing is shown of it.
CREATE TABLE promotions (
  rule text NOT NULL,
  -- Of the rules, that brought them into force.
  version bigint NOT NULL,
  edition bigint,
  from_time timestamptz NOT NULL,
  promoted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (rule, version)
);

-- As before, but editions of candidates take part only where they are promoted: from the time on
-- that was decided, in place of all that came before.
CREATE OR REPLACE FUNCTION ranges_to_serve(rules text[])
RETURNS TABLE (rule text, range tstzrange, edition bigint)
LANGUAGE sql STABLE AS $$
  WITH successions AS (
    SELECT
      one.rule, one.edition, one.widths, one.edition AS place,
      NULL::timestamptz AS promoted_from
    FROM editions AS one
    WHERE one.rule = ANY (rules) AND one.candidate IS NULL
    UNION ALL
    SELECT
      promotion.rule, promotion.edition, coalesce(known.widths, '{}'), promotion.version,
      promotion.from_time
    FROM promotions AS promotion
    LEFT JOIN editions AS known ON known.edition = promotion.edition
    WHERE promotion.rule = ANY (rules)
  ), chain AS (
    SELECT
      successions.*,
      row_number() OVER of_rule = 1 AS is_first,
      lag(successions.edition) OVER of_rule AS edition_before,
      lag(successions.widths) OVER of_rule AS widths_before
    FROM successions
    WINDOW of_rule AS (PARTITION BY successions.rule ORDER BY successions.place)
  ), begun AS (
    -- Whatever the log: ids of partitions may differ, and editions go on when a log is accepted.
    SELECT
      started.edition,
      CASE WHEN count(DISTINCT started.partition) >= max(started.partitions) THEN
        date_trunc('second', max(greatest(
          started.from_partition_time, started.from_largest_time, earlier.partition_time
        ))) + interval '1 second'
      END AS reached
    FROM (SELECT DISTINCT chain.edition FROM chain) AS wanted
    JOIN edition_starts AS started ON started.edition = wanted.edition
    LEFT JOIN positions AS mine ON mine.source = 'live'
      AND mine.partition = started.partition AND mine.log_id = started.log_id
    LEFT JOIN positions AS earlier ON earlier.source = 'live' AND NOT earlier.open
      AND earlier.partition = started.partition AND earlier.log_number < mine.log_number
    GROUP BY started.edition
  ), placed AS (
    SELECT chain.rule, chain.place, chain.edition, CASE
      WHEN chain.promoted_from IS NOT NULL THEN chain.promoted_from
      WHEN chain.is_first THEN '-infinity'
      ELSE least(
        to_timestamp(ceil(extract(epoch FROM begun.reached) / step.seconds) * step.seconds),
        (SELECT min(until_time) FROM edition_ends AS ended
          WHERE ended.edition = chain.edition_before)
      )
    END AS from_time
    FROM chain
    LEFT JOIN begun ON begun.edition = chain.edition
    CROSS JOIN LATERAL (
      SELECT coalesce(max(extract(epoch FROM width)), 1) AS seconds
      FROM unnest(chain.widths_before || chain.widths) AS width
      WHERE width <= CASE WHEN chain.widths_before = chain.widths
        THEN interval '30 minutes' ELSE interval '1 hour' END
    ) AS step
  ), followed AS (
    SELECT placed.*, min(from_time) OVER (
      PARTITION BY placed.rule ORDER BY placed.place
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS until_time
    FROM placed WHERE from_time IS NOT NULL
  )
  SELECT
    followed.rule,
    tstzrange(nullif(followed.from_time, '-infinity'), followed.until_time),
    followed.edition
  FROM followed
  WHERE followed.edition IS NOT NULL
    AND (followed.until_time IS NULL OR followed.from_time < followed.until_time)
$$;

-- Windows of an edition are whole that start in [from_time, until_time), for each of its widths.
-- from_time: as its jobs have told, else behind all that any partition had seen when it began;
-- NULL as long as some partition has not begun it. until_time: NULL while it is folded.
CREATE FUNCTION edition_coverage(of_edition bigint)
RETURNS TABLE (width interval, from_time timestamptz, until_time timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT
    given.width,
    CASE WHEN live.is_begun THEN coalesce(past.from_times[given.place], live.reached) END,
    ended.until_time
  FROM editions AS known
  CROSS JOIN LATERAL unnest(known.widths) WITH ORDINALITY AS given(width, place)
  LEFT JOIN edition_pasts AS past ON past.edition = known.edition
  CROSS JOIN LATERAL (
    SELECT
      count(DISTINCT started.partition) >= max(started.partitions) AS is_begun,
      max(greatest(started.from_partition_time, started.from_largest_time))
        + interval '1 microsecond' AS reached
    FROM edition_starts AS started WHERE started.edition = known.edition
  ) AS live
  CROSS JOIN LATERAL (
    SELECT min(one.until_time) AS until_time
    FROM edition_ends AS one WHERE one.edition = known.edition
  ) AS ended
  WHERE known.edition = of_edition
$$;

-- As before, but windows that jobs have folded are whole; and inputs are collected by what
-- PostgreSQL has for it, which is a third of the time where there are none.
CREATE OR REPLACE VIEW series_windows AS
SELECT
  shown.rule,
  piece.edition,
  piece.series_id,
  known.tenant,
  known.metric,
  known.labels,
  piece.width,
  piece.start,
  piece.start + piece.width AS end_time,
  sum(piece.count)::bigint AS count,
  sum_in_order(piece.sum ORDER BY piece.partition, piece.piece) AS sum,
  divide_floats(
    sum_in_order(piece.sum ORDER BY piece.partition, piece.piece),
    nullif(sum(piece.count), 0)::double precision
  ) AS avg,
  min(piece.min) AS min,
  coalesce(max(piece.max) FILTER (WHERE piece.max <> 'NaN'), max(piece.max)) AS max,
  (array_agg(piece.first ORDER BY piece.first_time, piece.partition, piece.piece)
    FILTER (WHERE piece.first_time IS NOT NULL))[1] AS first,
  min(piece.first_time) AS first_time,
  (array_agg(piece.last ORDER BY piece.last_time DESC, piece.partition DESC, piece.piece DESC)
    FILTER (WHERE piece.last_time IS NOT NULL))[1] AS last,
  max(piece.last_time) AS last_time,
  sum_in_order(piece.increase ORDER BY piece.partition, piece.piece) AS increase,
  rate(sum_in_order(piece.increase ORDER BY piece.partition, piece.piece), piece.width) AS rate,
  merged_histogram(
    array_agg(piece.histogram) FILTER (WHERE piece.histogram IS NOT NULL)
  ) AS histogram,
  merged_sketch(
    array_agg(piece."distinct") FILTER (WHERE piece."distinct" IS NOT NULL)
  ) AS "distinct",
  distinct_count(merged_sketch(
    array_agg(piece."distinct") FILTER (WHERE piece."distinct" IS NOT NULL)
  )) AS distinct_count,
  merged_inputs(
    array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
      FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
  ) AS inputs,
  sum_last(merged_inputs(
    array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
      FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
  )) AS sum_last,
  avg_last(merged_inputs(
    array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
      FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
  )) AS avg_last,
  count_series(merged_inputs(
    array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
      FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
  )) AS count_series,
  count(*) AS pieces,
  -- Something that belongs here could not be folded exactly.
  bool_or(piece.marked) AS marked,
  -- Somewhere the edition was not computed yet when the window began, or not any more. Where jobs
  -- have folded the past, from there on it was; else a sample at the very time that it had reached
  -- when it began may have come before.
  coalesce(
    piece.start < (
      SELECT past.from_times[array_position(known_edition.widths, piece.width)]
      FROM edition_pasts AS past
      JOIN editions AS known_edition ON known_edition.edition = past.edition
      WHERE past.edition = piece.edition
    ),
    piece.start <= (
      SELECT max(greatest(started.from_partition_time, started.from_largest_time))
      FROM edition_starts AS started WHERE started.edition = piece.edition
    ),
    false
  ) OR coalesce(piece.start >= (
    SELECT min(ended.until_time) FROM edition_ends AS ended
    WHERE ended.edition = piece.edition
  ), false) AS partial,
  piece.start + piece.width <= (SELECT smallest_watermark()) AS complete
FROM (
  SELECT * FROM windows
  UNION ALL
  SELECT * FROM windows_open AS revision
  WHERE NOT EXISTS (
    SELECT FROM windows AS final
    WHERE final.series_id = revision.series_id AND final.start = revision.start
      AND final.width = revision.width AND final.edition = revision.edition
      AND final.partition = revision.partition AND final.piece = revision.piece
  )
) AS piece
JOIN served AS shown ON shown.edition = piece.edition
  AND piece.start >= coalesce(lower(shown.range), '-infinity')
  AND piece.start < coalesce(upper(shown.range), 'infinity')
LEFT JOIN series_definitions AS known ON known.series_id = piece.series_id
GROUP BY
  shown.rule, piece.edition, piece.series_id, known.series_id, piece.width, piece.start;

-- The same of all editions, served or not. Filter on edition and start.
CREATE VIEW edition_windows AS
SELECT
  shown.rule,
  piece.edition,
  piece.series_id,
  known.tenant,
  known.metric,
  known.labels,
  piece.width,
  piece.start,
  piece.start + piece.width AS end_time,
  sum(piece.count)::bigint AS count,
  sum_in_order(piece.sum ORDER BY piece.partition, piece.piece) AS sum,
  divide_floats(
    sum_in_order(piece.sum ORDER BY piece.partition, piece.piece),
    nullif(sum(piece.count), 0)::double precision
  ) AS avg,
  min(piece.min) AS min,
  coalesce(max(piece.max) FILTER (WHERE piece.max <> 'NaN'), max(piece.max)) AS max,
  (array_agg(piece.first ORDER BY piece.first_time, piece.partition, piece.piece)
    FILTER (WHERE piece.first_time IS NOT NULL))[1] AS first,
  min(piece.first_time) AS first_time,
  (array_agg(piece.last ORDER BY piece.last_time DESC, piece.partition DESC, piece.piece DESC)
    FILTER (WHERE piece.last_time IS NOT NULL))[1] AS last,
  max(piece.last_time) AS last_time,
  sum_in_order(piece.increase ORDER BY piece.partition, piece.piece) AS increase,
  rate(sum_in_order(piece.increase ORDER BY piece.partition, piece.piece), piece.width) AS rate,
  merged_histogram(
    array_agg(piece.histogram) FILTER (WHERE piece.histogram IS NOT NULL)
  ) AS histogram,
  merged_sketch(
    array_agg(piece."distinct") FILTER (WHERE piece."distinct" IS NOT NULL)
  ) AS "distinct",
  distinct_count(merged_sketch(
    array_agg(piece."distinct") FILTER (WHERE piece."distinct" IS NOT NULL)
  )) AS distinct_count,
  merged_inputs(
    array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
      FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
  ) AS inputs,
  sum_last(merged_inputs(
    array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
      FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
  )) AS sum_last,
  avg_last(merged_inputs(
    array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
      FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
  )) AS avg_last,
  count_series(merged_inputs(
    array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
      FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
  )) AS count_series,
  count(*) AS pieces,
  -- Something that belongs here could not be folded exactly.
  bool_or(piece.marked) AS marked,
  -- Somewhere the edition was not computed yet when the window began, or not any more. Where jobs
  -- have folded the past, from there on it was; else a sample at the very time that it had reached
  -- when it began may have come before.
  coalesce(
    piece.start < (
      SELECT past.from_times[array_position(known_edition.widths, piece.width)]
      FROM edition_pasts AS past
      JOIN editions AS known_edition ON known_edition.edition = past.edition
      WHERE past.edition = piece.edition
    ),
    piece.start <= (
      SELECT max(greatest(started.from_partition_time, started.from_largest_time))
      FROM edition_starts AS started WHERE started.edition = piece.edition
    ),
    false
  ) OR coalesce(piece.start >= (
    SELECT min(ended.until_time) FROM edition_ends AS ended
    WHERE ended.edition = piece.edition
  ), false) AS partial,
  piece.start + piece.width <= (SELECT smallest_watermark()) AS complete
FROM (
  SELECT * FROM windows
  UNION ALL
  SELECT * FROM windows_open AS revision
  WHERE NOT EXISTS (
    SELECT FROM windows AS final
    WHERE final.series_id = revision.series_id AND final.start = revision.start
      AND final.width = revision.width AND final.edition = revision.edition
      AND final.partition = revision.partition AND final.piece = revision.piece
  )
) AS piece
JOIN editions AS shown ON shown.edition = piece.edition
LEFT JOIN series_definitions AS known ON known.series_id = piece.series_id
GROUP BY
  shown.rule, piece.edition, piece.series_id, known.series_id, piece.width, piece.start;

-- How two editions differ in windows that start in [from_time, until_time): a row for each window
-- of each series. `change`: added (in the second alone), removed, changed, equal; partial: one of
-- them is not whole there; incomplete: it still grows. Columns are compared exactly; NaN equals
-- NaN. `numbers_before`, `numbers_after`: see `largest_changes`.
CREATE FUNCTION compare_editions(
  before bigint, after bigint, from_time timestamptz, until_time timestamptz
) RETURNS TABLE (
  change text, series_id bigint, tenant text, metric text, labels jsonb, width interval,
  start timestamptz, numbers_before double precision[], numbers_after double precision[]
) LANGUAGE sql STABLE AS $$
  WITH one AS (
    SELECT
      series_id, width, start, count, sum, min, max, first, first_time, last, last_time, increase,
      histogram, "distinct", inputs, marked
    FROM edition_windows AS shown
    WHERE shown.edition = before
      AND shown.start >= from_time AND shown.start < until_time
  ), other AS (
    SELECT
      series_id, width, start, count, sum, min, max, first, first_time, last, last_time, increase,
      histogram, "distinct", inputs, marked
    FROM edition_windows AS shown
    WHERE shown.edition = after
      AND shown.start >= from_time AND shown.start < until_time
  ), both_sides AS (
    -- Either side is computed once; numbers only where somebody looks at them.
    SELECT
      series_id, width, start,
      one.count IS NULL AS is_added, other.count IS NULL AS is_removed,
      ROW(
        one.count, one.sum, one.min, one.max, one.first, one.first_time,
        one.last, one.last_time, one.increase, one.histogram, one."distinct",
        one.inputs, one.marked
      ) IS DISTINCT FROM ROW(
        other.count, other.sum, other.min, other.max, other.first, other.first_time,
        other.last, other.last_time, other.increase, other.histogram, other."distinct",
        other.inputs, other.marked
      ) AS is_changed,
      ARRAY[
        one.count, one.sum, divide_floats(one.sum, nullif(one.count, 0)::double precision),
        one.min, one.max, one.first, one.last, one.increase,
        distinct_count(one."distinct"), sum_last(one.inputs), avg_last(one.inputs),
        count_series(one.inputs)
      ]::double precision[] AS numbers_before,
      ARRAY[
        other.count, other.sum, divide_floats(other.sum, nullif(other.count, 0)::double precision),
        other.min, other.max, other.first, other.last, other.increase,
        distinct_count(other."distinct"), sum_last(other.inputs), avg_last(other.inputs),
        count_series(other.inputs)
      ]::double precision[] AS numbers_after
    FROM one FULL JOIN other USING (series_id, width, start)
  )
  SELECT
    CASE
      WHEN both_sides.start + both_sides.width > (SELECT smallest_watermark()) THEN 'incomplete'
      WHEN NOT coalesce(both_sides.start >= covered_before.from_time, covered_before.width IS NULL)
        OR both_sides.start >= covered_before.until_time
        OR NOT coalesce(both_sides.start >= covered_after.from_time, covered_after.width IS NULL)
        OR both_sides.start >= covered_after.until_time THEN 'partial'
      WHEN is_added THEN 'added'
      WHEN is_removed THEN 'removed'
      WHEN is_changed THEN 'changed'
      ELSE 'equal'
    END,
    both_sides.series_id, known.tenant, known.metric, known.labels, both_sides.width,
    both_sides.start, both_sides.numbers_before, both_sides.numbers_after
  FROM both_sides
  LEFT JOIN edition_coverage(before) AS covered_before
    ON covered_before.width = both_sides.width
  LEFT JOIN edition_coverage(after) AS covered_after
    ON covered_after.width = both_sides.width
  LEFT JOIN series_definitions AS known ON known.series_id = both_sides.series_id
$$;

-- The numbers of windows that changed most, relative to the larger of both; 1 where only one of
-- them is a finite number.
CREATE FUNCTION largest_changes(
  before bigint, after bigint, from_time timestamptz, until_time timestamptz, changes_max integer
) RETURNS TABLE (
  series_id bigint, tenant text, metric text, labels jsonb, width interval, start timestamptz,
  column_name text, number_before double precision, number_after double precision,
  relative double precision
) LANGUAGE sql STABLE AS $$
  SELECT
    changed.series_id, changed.tenant, changed.metric, changed.labels, changed.width,
    changed.start, number.name, number.before, number.after, compared.relative
  FROM compare_editions(before, after, from_time, until_time) AS changed
  CROSS JOIN LATERAL unnest(
    ARRAY['count', 'sum', 'avg', 'min', 'max', 'first', 'last', 'increase', 'distinct_count',
      'sum_last', 'avg_last', 'count_series'],
    changed.numbers_before, changed.numbers_after
  ) AS number(name, before, after)
  CROSS JOIN LATERAL (
    SELECT CASE
      WHEN number.before::text ~ '^-?[0-9]' AND number.after::text ~ '^-?[0-9]' THEN
        -- Halves first: the difference of two floats may be too large for one.
        abs(number.after / 2 - number.before / 2)
          / nullif(greatest(abs(number.before), abs(number.after)), 0) * 2
      ELSE 1
    END AS relative
  ) AS compared
  WHERE changed.change = 'changed' AND number.before IS DISTINCT FROM number.after
  ORDER BY compared.relative DESC, changed.start, changed.series_id, changed.width, number.name
  LIMIT changes_max
$$;

-- Internal: the tables in which windows lie.
CREATE FUNCTION window_leaves() RETURNS TABLE (leaf text, blocks bigint)
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE parts AS (
    SELECT oid FROM pg_class
    WHERE relname IN ('windows', 'windows_narrow', 'windows_wide') AND relkind IN ('r', 'p')
      AND relnamespace = current_schema()::regnamespace
    UNION ALL
    SELECT child.inhrelid FROM pg_inherits AS child JOIN parts ON parts.oid = child.inhparent
  )
  SELECT
    parts.oid::regclass::text,
    pg_relation_size(parts.oid) / current_setting('block_size')::bigint
  FROM parts JOIN pg_class AS known ON known.oid = parts.oid
  WHERE known.relkind = 'r'
    AND NOT EXISTS (SELECT FROM pg_inherits AS child WHERE child.inhparent = parts.oid)
$$;

-- Internal: deletes what lies in some blocks of a table of windows and belongs to a dropped
-- edition, but for windows that it is served for. Blocks, because there is no index by edition, and
-- because they bound what one statement does, whatever lies there.
CREATE FUNCTION delete_dropped_windows(leaf regclass, from_block bigint, until_block bigint)
RETURNS bigint LANGUAGE plpgsql STRICT AS $$
DECLARE
  deleted bigint;
BEGIN
  EXECUTE format(
    'DELETE FROM %s AS piece WHERE piece.ctid >= $1 AND piece.ctid < $2'
    ' AND piece.edition IN (SELECT gone.edition FROM editions AS gone WHERE gone.dropped)'
    ' AND NOT EXISTS (SELECT FROM served AS shown'
    ' WHERE shown.edition = piece.edition AND shown.range @> piece.start)',
    leaf
  ) USING format('(%s,0)', from_block)::tid, format('(%s,0)', until_block)::tid;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END
$$;
