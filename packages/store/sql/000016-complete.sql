-- Complete mode: windows in which something could not be folded exactly are computed again, from
-- all samples that the log holds.

-- The windows that were computed again: one row each, shown in place of their pieces. `pieces` and
-- `samples` tell what the pieces were then: their number, and the sum of their counts. Whatever
-- comes to the window later makes another piece, so that where they differ the row is out of date.
CREATE TABLE windows_complete (
  edition bigint NOT NULL,
  series_id bigint NOT NULL,
  width interval NOT NULL,
  start timestamptz NOT NULL,
  -- Which run it is of: a row only ever gives way to one of a later run.
  run bigint NOT NULL,
  pieces bigint NOT NULL,
  samples bigint NOT NULL,
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
  -- It has more input series than a window may remember, so that even this is not exact.
  marked boolean NOT NULL,
  PRIMARY KEY (edition, series_id, width, start)
);
CREATE INDEX windows_complete_start ON windows_complete (start);

-- Windows that could not be computed again as their pieces were then, and why; they show what live
-- folding made of them. `reason` is one of: cut, counter, followed, earlier, partial, events, size,
-- rules, other_log, bounded.
CREATE TABLE windows_not_completable (
  edition bigint NOT NULL,
  series_id bigint NOT NULL,
  width interval NOT NULL,
  start timestamptz NOT NULL,
  run bigint NOT NULL,
  pieces bigint NOT NULL,
  samples bigint NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (edition, series_id, width, start)
);
CREATE INDEX windows_not_completable_start ON windows_not_completable (start);

-- Each time that marked windows were looked for, the newest hundred.
CREATE TABLE complete_runs (
  run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Whether it was due, or asked for.
  scheduled boolean NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  -- NULL while it is under way, and when it was killed.
  ended_at timestamptz,
  -- Windows that were marked, and what became of them.
  marked bigint NOT NULL DEFAULT 0,
  completed bigint NOT NULL DEFAULT 0,
  not_over bigint NOT NULL DEFAULT 0,
  not_completable bigint NOT NULL DEFAULT 0,
  -- Why it broke off; NULL: it did not.
  problem text
);

-- Marked pieces are few, and are looked for every some minutes, in either layout.
DO $$
DECLARE
  place text;
BEGIN
  FOR place IN
    SELECT relname FROM pg_class
    WHERE relname IN ('windows', 'windows_narrow', 'windows_wide') AND relkind IN ('r', 'p')
      AND relnamespace = current_schema()::regnamespace
  LOOP
    EXECUTE format('CREATE INDEX %I ON %I (start) WHERE marked', place || '_marked', place);
    -- How few they are has to be known, or nobody would use it.
    EXECUTE format('ALTER TABLE %I ALTER marked SET STATISTICS -1', place);
  END LOOP;
END
$$;

-- As before, but a window that was computed again is shown as that, and marked as long as something
-- has come to it since.
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
  CASE WHEN whole.run IS NULL THEN sum(piece.count)::bigint ELSE whole.count END AS count,
  CASE WHEN whole.run IS NULL
    THEN sum_in_order(piece.sum ORDER BY piece.partition, piece.piece) ELSE whole.sum
  END AS sum,
  CASE WHEN whole.run IS NULL
    THEN divide_floats(
      sum_in_order(piece.sum ORDER BY piece.partition, piece.piece),
      nullif(sum(piece.count), 0)::double precision
    )
    ELSE divide_floats(whole.sum, nullif(whole.count, 0)::double precision)
  END AS avg,
  CASE WHEN whole.run IS NULL THEN min(piece.min) ELSE whole.min END AS min,
  CASE WHEN whole.run IS NULL
    THEN coalesce(max(piece.max) FILTER (WHERE piece.max <> 'NaN'), max(piece.max))
    ELSE whole.max
  END AS max,
  CASE WHEN whole.run IS NULL
    THEN (array_agg(piece.first ORDER BY piece.first_time, piece.partition, piece.piece)
      FILTER (WHERE piece.first_time IS NOT NULL))[1]
    ELSE whole.first
  END AS first,
  CASE WHEN whole.run IS NULL THEN min(piece.first_time) ELSE whole.first_time END AS first_time,
  CASE WHEN whole.run IS NULL
    THEN (array_agg(
      piece.last ORDER BY piece.last_time DESC, piece.partition DESC, piece.piece DESC
    ) FILTER (WHERE piece.last_time IS NOT NULL))[1]
    ELSE whole.last
  END AS last,
  CASE WHEN whole.run IS NULL THEN max(piece.last_time) ELSE whole.last_time END AS last_time,
  CASE WHEN whole.run IS NULL
    THEN sum_in_order(piece.increase ORDER BY piece.partition, piece.piece)
    ELSE whole.increase
  END AS increase,
  rate(
    CASE WHEN whole.run IS NULL
      THEN sum_in_order(piece.increase ORDER BY piece.partition, piece.piece)
      ELSE whole.increase
    END,
    piece.width
  ) AS rate,
  CASE WHEN whole.run IS NULL
    THEN merged_histogram(
      array_agg(piece.histogram) FILTER (WHERE piece.histogram IS NOT NULL)
    )
    ELSE whole.histogram
  END AS histogram,
  CASE WHEN whole.run IS NULL
    THEN merged_sketch(
      array_agg(piece."distinct") FILTER (WHERE piece."distinct" IS NOT NULL)
    )
    ELSE whole."distinct"
  END AS "distinct",
  distinct_count(
    CASE WHEN whole.run IS NULL
      THEN merged_sketch(
        array_agg(piece."distinct") FILTER (WHERE piece."distinct" IS NOT NULL)
      )
      ELSE whole."distinct"
    END
  ) AS distinct_count,
  CASE WHEN whole.run IS NULL
    THEN merged_inputs(
      array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
        FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
    )
    ELSE whole.inputs
  END AS inputs,
  sum_last(CASE WHEN whole.run IS NULL
    THEN merged_inputs(
      array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
        FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
    )
    ELSE whole.inputs
  END) AS sum_last,
  avg_last(CASE WHEN whole.run IS NULL
    THEN merged_inputs(
      array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
        FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
    )
    ELSE whole.inputs
  END) AS avg_last,
  count_series(CASE WHEN whole.run IS NULL
    THEN merged_inputs(
      array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
        FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
    )
    ELSE whole.inputs
  END) AS count_series,
  count(*) AS pieces,
  -- Something that belongs here could not be folded exactly, or came after it was computed again.
  CASE WHEN whole.run IS NULL
    THEN bool_or(piece.marked)
    ELSE whole.marked OR whole.pieces <> count(*) OR whole.samples <> sum(piece.count)
  END AS marked,
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
  piece.start + piece.width <= (SELECT smallest_watermark()) AS complete,
  -- It was computed again, from all samples there were.
  whole.run IS NOT NULL AS completed
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
LEFT JOIN windows_complete AS whole
  ON whole.edition = piece.edition AND whole.series_id = piece.series_id
  AND whole.width = piece.width AND whole.start = piece.start
GROUP BY
  shown.rule, piece.edition, piece.series_id, known.series_id, piece.width, piece.start,
  whole.edition, whole.series_id, whole.width, whole.start;

-- The same of all editions, served or not. Filter on edition and start.
CREATE OR REPLACE VIEW edition_windows AS
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
  CASE WHEN whole.run IS NULL THEN sum(piece.count)::bigint ELSE whole.count END AS count,
  CASE WHEN whole.run IS NULL
    THEN sum_in_order(piece.sum ORDER BY piece.partition, piece.piece) ELSE whole.sum
  END AS sum,
  CASE WHEN whole.run IS NULL
    THEN divide_floats(
      sum_in_order(piece.sum ORDER BY piece.partition, piece.piece),
      nullif(sum(piece.count), 0)::double precision
    )
    ELSE divide_floats(whole.sum, nullif(whole.count, 0)::double precision)
  END AS avg,
  CASE WHEN whole.run IS NULL THEN min(piece.min) ELSE whole.min END AS min,
  CASE WHEN whole.run IS NULL
    THEN coalesce(max(piece.max) FILTER (WHERE piece.max <> 'NaN'), max(piece.max))
    ELSE whole.max
  END AS max,
  CASE WHEN whole.run IS NULL
    THEN (array_agg(piece.first ORDER BY piece.first_time, piece.partition, piece.piece)
      FILTER (WHERE piece.first_time IS NOT NULL))[1]
    ELSE whole.first
  END AS first,
  CASE WHEN whole.run IS NULL THEN min(piece.first_time) ELSE whole.first_time END AS first_time,
  CASE WHEN whole.run IS NULL
    THEN (array_agg(
      piece.last ORDER BY piece.last_time DESC, piece.partition DESC, piece.piece DESC
    ) FILTER (WHERE piece.last_time IS NOT NULL))[1]
    ELSE whole.last
  END AS last,
  CASE WHEN whole.run IS NULL THEN max(piece.last_time) ELSE whole.last_time END AS last_time,
  CASE WHEN whole.run IS NULL
    THEN sum_in_order(piece.increase ORDER BY piece.partition, piece.piece)
    ELSE whole.increase
  END AS increase,
  rate(
    CASE WHEN whole.run IS NULL
      THEN sum_in_order(piece.increase ORDER BY piece.partition, piece.piece)
      ELSE whole.increase
    END,
    piece.width
  ) AS rate,
  CASE WHEN whole.run IS NULL
    THEN merged_histogram(
      array_agg(piece.histogram) FILTER (WHERE piece.histogram IS NOT NULL)
    )
    ELSE whole.histogram
  END AS histogram,
  CASE WHEN whole.run IS NULL
    THEN merged_sketch(
      array_agg(piece."distinct") FILTER (WHERE piece."distinct" IS NOT NULL)
    )
    ELSE whole."distinct"
  END AS "distinct",
  distinct_count(
    CASE WHEN whole.run IS NULL
      THEN merged_sketch(
        array_agg(piece."distinct") FILTER (WHERE piece."distinct" IS NOT NULL)
      )
      ELSE whole."distinct"
    END
  ) AS distinct_count,
  CASE WHEN whole.run IS NULL
    THEN merged_inputs(
      array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
        FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
    )
    ELSE whole.inputs
  END AS inputs,
  sum_last(CASE WHEN whole.run IS NULL
    THEN merged_inputs(
      array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
        FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
    )
    ELSE whole.inputs
  END) AS sum_last,
  avg_last(CASE WHEN whole.run IS NULL
    THEN merged_inputs(
      array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
        FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
    )
    ELSE whole.inputs
  END) AS avg_last,
  count_series(CASE WHEN whole.run IS NULL
    THEN merged_inputs(
      array_agg(piece.inputs ORDER BY piece.partition, piece.piece)
        FILTER (WHERE (piece.inputs).series_ids IS NOT NULL)
    )
    ELSE whole.inputs
  END) AS count_series,
  count(*) AS pieces,
  -- Something that belongs here could not be folded exactly, or came after it was computed again.
  CASE WHEN whole.run IS NULL
    THEN bool_or(piece.marked)
    ELSE whole.marked OR whole.pieces <> count(*) OR whole.samples <> sum(piece.count)
  END AS marked,
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
  piece.start + piece.width <= (SELECT smallest_watermark()) AS complete,
  -- It was computed again, from all samples there were.
  whole.run IS NOT NULL AS completed
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
LEFT JOIN windows_complete AS whole
  ON whole.edition = piece.edition AND whole.series_id = piece.series_id
  AND whole.width = piece.width AND whole.start = piece.start
GROUP BY
  shown.rule, piece.edition, piece.series_id, known.series_id, piece.width, piece.start,
  whole.edition, whole.series_id, whole.width, whole.start;
