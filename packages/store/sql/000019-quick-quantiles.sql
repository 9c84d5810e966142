-- Windows are read quickly, once more: in less than half of the time, with the same results as
-- before, quantiles to within the last bit.
--
-- Views come first: this may have to wait for whoever reads them, and no writer waits with it.
-- The index comes last: from there until the end nobody writes pieces that are open.

-- Functions of one expression are put in place of their call, but only if they need not be asked
-- whether they may be called with NULL: these give NULL of it by themselves. A call took 2 µs.
CREATE OR REPLACE FUNCTION divide_floats(a double precision, b double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN abs(a) >= 1e-290 OR a = 0 THEN a / b
    -- Scaled up, the division cannot underflow; half of the smallest number rounds to zero.
    WHEN abs(a * power(2::double precision, 200) / b) <= power(2::double precision, -875) THEN 0
    ELSE a * power(2::double precision, 200) / b / power(2::double precision, 200)
  END
$$;

CREATE OR REPLACE FUNCTION rate(increase double precision, width interval)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT divide_floats(increase, extract(epoch FROM width)::double precision)
$$;

CREATE OR REPLACE FUNCTION power_of_two(x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN x >= 1024 THEN 1.7976931348623157e308
    WHEN x < -1074 THEN 0
    ELSE power(2::double precision, x)
  END
$$;

CREATE OR REPLACE FUNCTION merged_histogram(histograms bytea[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE cardinality(histograms)
    WHEN 0 THEN NULL WHEN 1 THEN histograms[1] ELSE merge_histograms(histograms)
  END
$$;

CREATE OR REPLACE FUNCTION merged_sketch(sketches bytea[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE cardinality(sketches)
    WHEN 0 THEN NULL WHEN 1 THEN sketches[1] ELSE merge_sketches(sketches)
  END
$$;

-- What `merged_inputs` did itself where there are several.
CREATE FUNCTION merge_series_inputs(pieces series_inputs[]) RETURNS series_inputs
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT ROW(
    array_agg(series_id ORDER BY series_id < 0, series_id),
    array_agg(time ORDER BY series_id < 0, series_id),
    array_agg(value ORDER BY series_id < 0, series_id)
  )::series_inputs
  FROM (
    SELECT DISTINCT ON (input.series_id) input.series_id, input.time, input.value
    FROM generate_subscripts(pieces, 1) AS i,
      unnest((pieces[i]).series_ids, (pieces[i]).times, (pieces[i])."values")
        AS input(series_id, time, value)
    ORDER BY input.series_id, input.time DESC, i DESC
  ) AS newest
$$;

CREATE OR REPLACE FUNCTION merged_inputs(pieces series_inputs[]) RETURNS series_inputs
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE cardinality(pieces)
    WHEN 0 THEN NULL WHEN 1 THEN pieces[1] ELSE merge_series_inputs(pieces)
  END
$$;

-- Of the buckets far out, one end of which (nearly) is zero, infinity or a number that floats have
-- with fewer bits only: the form below would be wrong there.
CREATE FUNCTION middle_of_outer_bucket(scale integer, index integer) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  width double precision := power(2::double precision, -scale);
  low double precision := power_of_two(index * width);
  high double precision := power_of_two((index::double precision + 1) * width);
BEGIN
  RETURN CASE WHEN low = 0 THEN high ELSE low / (1 + low / high) * 2 END;
END
$$;

-- The harmonic mean of a bucket's ends, 2^low and 2^high, without the one of them that follows from
-- the other; and as before where an end lies near or outside the range of floats.
-- `middle_of_bucket(bytea, integer)` stays: a query of a session that began before goes on with the
-- `quantile` of the release before, which calls it.
CREATE FUNCTION middle_of_bucket(scale integer, index integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN index * power(2::double precision, -scale) < -1021
      OR (index::double precision + 1) * power(2::double precision, -scale) > 1023
    THEN middle_of_outer_bucket(scale, index)
    ELSE power(2::double precision, index * power(2::double precision, -scale)) * 2
      / (1 + power(2::double precision, -power(2::double precision, -scale)))
  END
$$;

-- As before, but from the top: it is the high quantiles that are asked for, and they lie in the
-- last few buckets.
--
-- The value of rank greatest(1, ceil(q * count)), to within half a bucket: the harmonic mean of its
-- bucket's ends. NULL of an empty histogram; -Infinity for q below 0, Infinity above 1, NaN of NaN.
CREATE OR REPLACE FUNCTION quantile(histogram bytea, q double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  -- A copy: a value that is kept compressed would be expanded again at each look.
  bytes bytea := histogram || ''::bytea;
  positives_end integer := 34 + 12 * int32_at(bytes, 26);
  -- How many lie at or above what is looked at, and how many above the one that is looked for.
  reached bigint := uint64_at(bytes, 10);
  higher bigint;
  total bigint := uint64_at(bytes, 2) + reached + uint64_at(bytes, 18);
BEGIN
  FOR at IN 38 .. length(bytes) - 1 BY 12 LOOP
    total := total + uint64_at(bytes, at);
  END LOOP;
  -- NaN is above 1.
  IF total = 0 OR q < 0 OR q > 1 THEN
    RETURN CASE
      WHEN total = 0 THEN NULL WHEN q = 'NaN' THEN q WHEN q < 0 THEN '-Infinity' ELSE 'Infinity'
    END;
  END IF;
  higher := greatest(0, total - greatest(1, ceil(q * total)));
  IF reached > higher THEN RETURN 'Infinity'; END IF;
  FOR at IN REVERSE positives_end - 12 .. 34 BY 12 LOOP
    reached := reached + uint64_at(bytes, at + 4);
    IF reached > higher THEN
      RETURN middle_of_bucket(histogram_scale(bytes), int32_at(bytes, at));
    END IF;
  END LOOP;
  reached := reached + uint64_at(bytes, 2);
  IF reached > higher THEN RETURN 0; END IF;
  FOR at IN positives_end .. length(bytes) - 1 BY 12 LOOP
    reached := reached + uint64_at(bytes, at + 4);
    IF reached > higher THEN
      RETURN -middle_of_bucket(histogram_scale(bytes), int32_at(bytes, at));
    END IF;
  END LOOP;
  RETURN '-Infinity';
END
$$;

-- All pieces there are. Of one piece the final hides what was open, even if both are there.
CREATE VIEW window_pieces AS
SELECT *, false AS is_open FROM windows
UNION ALL
SELECT *, true FROM windows_open AS revision
WHERE NOT EXISTS (
  SELECT FROM windows AS final
  WHERE final.series_id = revision.series_id AND final.start = revision.start
    AND final.width = revision.width AND final.edition = revision.edition
    AND final.partition = revision.partition AND final.piece = revision.piece
);

-- As before, but pieces are merged before it is looked whether the window was computed again: less
-- to sort by. They are merged in `live`, which is grouped and so stays a query of its own: put in
-- place where they are mentioned, histograms would be merged once for each quantile asked for.
-- What is served, and the same of all editions, served or not: of those filter on edition and
-- start.
DO $outer$
DECLARE
  made record;
BEGIN
  FOR made IN SELECT * FROM (VALUES
    ('series_windows', $$served AS shown ON shown.edition = piece.edition
      AND piece.start >= coalesce(lower(shown.range), '-infinity')
      AND piece.start < coalesce(upper(shown.range), 'infinity')$$),
    ('edition_windows', 'editions AS shown ON shown.edition = piece.edition')
  ) AS view(name, shown) LOOP
    EXECUTE format($$
CREATE OR REPLACE VIEW %I AS
SELECT
  live.rule, live.edition, live.series_id, live.tenant, live.metric, live.labels,
  live.width, live.start, live.start + live.width AS end_time,
  told.count, told.sum,
  divide_floats(told.sum, nullif(told.count, 0)::double precision) AS avg,
  told.min, told.max, told.first, told.first_time, told.last, told.last_time,
  told.increase, rate(told.increase, live.width) AS rate,
  told.histogram,
  told."distinct", distinct_count(told."distinct") AS distinct_count,
  told.inputs, sum_last(told.inputs) AS sum_last, avg_last(told.inputs) AS avg_last,
  count_series(told.inputs) AS count_series,
  live.pieces,
  -- Something that belongs here could not be folded exactly, or came after it was computed again.
  CASE WHEN whole.run IS NULL THEN live.marked
    ELSE whole.marked OR whole.pieces <> live.pieces OR whole.samples <> live.count
  END AS marked,
  -- Somewhere the edition was not computed yet when the window began, or not any more. Where jobs
  -- have folded the past, from there on it was; else a sample at the very time that it had reached
  -- when it began may have come before.
  coalesce(
    live.start < (
      SELECT past.from_times[array_position(known_edition.widths, live.width)]
      FROM edition_pasts AS past
      JOIN editions AS known_edition ON known_edition.edition = past.edition
      WHERE past.edition = live.edition
    ),
    live.start <= (
      SELECT max(greatest(started.from_partition_time, started.from_largest_time))
      FROM edition_starts AS started WHERE started.edition = live.edition
    ),
    false
  ) OR coalesce(live.start >= (
    SELECT min(ended.until_time) FROM edition_ends AS ended
    WHERE ended.edition = live.edition
  ), false) AS partial,
  live.start + live.width <= (SELECT smallest_watermark()) AS complete,
  -- It was computed again, from all samples there were.
  whole.run IS NOT NULL AS completed
FROM (
  SELECT
    shown.rule, piece.edition, piece.series_id, known.tenant, known.metric, known.labels,
    piece.width, piece.start,
    sum(piece.count)::bigint AS count,
    sum_in_order(piece.sum ORDER BY piece.partition, piece.piece) AS sum,
    min(piece.min) AS min,
    coalesce(max(piece.max) FILTER (WHERE piece.max <> 'NaN'), max(piece.max)) AS max,
    (array_agg(piece.first ORDER BY piece.first_time, piece.partition, piece.piece)
      FILTER (WHERE piece.first_time IS NOT NULL))[1] AS first,
    min(piece.first_time) AS first_time,
    (array_agg(piece.last ORDER BY piece.last_time DESC, piece.partition DESC, piece.piece DESC)
      FILTER (WHERE piece.last_time IS NOT NULL))[1] AS last,
    max(piece.last_time) AS last_time,
    sum_in_order(piece.increase ORDER BY piece.partition, piece.piece) AS increase,
    merged_histogram(
      array_agg(piece.histogram) FILTER (WHERE piece.histogram IS NOT NULL)
    ) AS histogram,
    merged_sketch(
      array_agg(piece."distinct") FILTER (WHERE piece."distinct" IS NOT NULL)
    ) AS "distinct",
    merged_inputs(
      array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
        FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
    ) AS inputs,
    count(*) AS pieces,
    bool_or(piece.marked) AS marked
  FROM window_pieces AS piece
  JOIN %s
  LEFT JOIN series_definitions AS known ON known.series_id = piece.series_id
  GROUP BY
    shown.rule, piece.edition, piece.series_id, known.series_id, piece.width, piece.start
) AS live
LEFT JOIN windows_complete AS whole
  ON whole.edition = live.edition AND whole.series_id = live.series_id
  AND whole.width = live.width AND whole.start = live.start
CROSS JOIN LATERAL (
  SELECT
    CASE WHEN whole.run IS NULL THEN live.count ELSE whole.count END AS count,
    CASE WHEN whole.run IS NULL THEN live.sum ELSE whole.sum END AS sum,
    CASE WHEN whole.run IS NULL THEN live.min ELSE whole.min END AS min,
    CASE WHEN whole.run IS NULL THEN live.max ELSE whole.max END AS max,
    CASE WHEN whole.run IS NULL THEN live.first ELSE whole.first END AS first,
    CASE WHEN whole.run IS NULL THEN live.first_time ELSE whole.first_time END AS first_time,
    CASE WHEN whole.run IS NULL THEN live.last ELSE whole.last END AS last,
    CASE WHEN whole.run IS NULL THEN live.last_time ELSE whole.last_time END AS last_time,
    CASE WHEN whole.run IS NULL THEN live.increase ELSE whole.increase END AS increase,
    CASE WHEN whole.run IS NULL THEN live.histogram ELSE whole.histogram END AS histogram,
    CASE WHEN whole.run IS NULL THEN live."distinct" ELSE whole."distinct" END AS "distinct",
    CASE WHEN whole.run IS NULL THEN live.inputs ELSE whole.inputs END AS inputs
) AS told
    $$, made.name, made.shown);
  END LOOP;
END
$outer$;

-- Who asks for windows of some time reads what is open of that time only. Else that is all that is
-- open: very much while many series are live, or after a backlog, whose pieces stay open for ten
-- minutes; and later still as many pages, though few rows are left in them.
-- No revision changes these columns. A new piece costs 0.7 µs more, one that becomes final 2 less,
-- because pieces of one start lie beside one another here.
-- The whole key: a plan that was made while the table was empty may take either index, and then
-- finds one row with each.
CREATE INDEX windows_open_start
  ON windows_open (start, width, series_id, edition, partition, piece);
