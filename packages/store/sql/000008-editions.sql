-- Rules that change: an edition begins and ends at another place in each partition.

-- Largest time of any sample before the edition began: producers run ahead.
ALTER TABLE edition_starts ADD COLUMN from_largest_time timestamptz;
UPDATE edition_starts SET from_largest_time = from_partition_time;
ALTER TABLE edition_starts ALTER COLUMN from_largest_time SET NOT NULL;

-- Where an edition ended: nothing is folded into windows that start at or after `until_time`;
-- late samples still reach those before.
CREATE TABLE edition_ends (
  edition bigint NOT NULL,
  log_id text NOT NULL,
  partition integer NOT NULL,
  position bigint NOT NULL,
  until_time timestamptz NOT NULL,
  PRIMARY KEY (edition, log_id, partition)
);

-- Windows of the served editions. Pieces are merged in the order (partition, piece); of one piece
-- the final hides what was open. NaN is a minimum or maximum only where nothing else is.
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
  merge_histogram(piece.histogram) AS histogram,
  merge_distinct(piece."distinct") AS "distinct",
  distinct_count(merge_distinct(piece."distinct")) AS distinct_count,
  merge_inputs(piece.inputs ORDER BY piece.partition, piece.piece) AS inputs,
  sum_last(merge_inputs(piece.inputs ORDER BY piece.partition, piece.piece)) AS sum_last,
  avg_last(merge_inputs(piece.inputs ORDER BY piece.partition, piece.piece)) AS avg_last,
  count_series(merge_inputs(piece.inputs ORDER BY piece.partition, piece.piece)) AS count_series,
  count(*) AS pieces,
  -- Something that belongs here could not be folded exactly.
  bool_or(piece.marked) AS marked,
  -- Somewhere the edition was not computed yet when the window began, or not any more. A sample at
  -- the very time it had reached may have come before.
  coalesce(piece.start <= (
    SELECT max(greatest(started.from_partition_time, started.from_largest_time))
    FROM edition_starts AS started WHERE started.edition = piece.edition
  ), false) OR coalesce(piece.start >= (
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
JOIN served AS shown ON shown.edition = piece.edition AND shown.range @> piece.start
LEFT JOIN series_definitions AS known ON known.series_id = piece.series_id
GROUP BY
  shown.rule, piece.edition, piece.series_id, known.series_id, piece.width, piece.start;
