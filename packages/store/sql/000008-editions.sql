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

-- Internal: in how many partitions it has to begin before all of them have it.
ALTER TABLE edition_starts ADD COLUMN partitions integer;
UPDATE edition_starts SET partitions = (SELECT count(DISTINCT partition) FROM edition_starts);
ALTER TABLE edition_starts ALTER COLUMN partitions SET NOT NULL;

-- Internal: which edition of some rules is to be shown for which windows. What is known of where
-- editions began and ended decides, and not in which order it came to be known.
--
-- Of a rule's editions the newest is shown whose time has come; that of the first always has. An
-- edition that every partition has begun takes over for windows that start after the latest of its
-- beginnings, and after the largest sample time any partition had seen by then (or the log before,
-- when there was one). Those windows are whole in it, and the ones before are in the old edition.
-- Every window start of a width that both have is shown by one of them, wherever the change is. It
-- lies at the start of a wide window, so that there is nothing between them when widths change
-- either; of an hour at most, because the old one is not folded for ever. What starts after the old
-- one ended anywhere is shown by the new one in any case, also while some partitions have not begun
-- it: the old one has nothing of the others.
CREATE FUNCTION ranges_to_serve(rules text[])
RETURNS TABLE (rule text, range tstzrange, edition bigint)
LANGUAGE sql STABLE AS $$
  WITH chain AS (
    SELECT
      one.rule, one.edition, one.widths,
      lag(one.edition) OVER editions_of_rule AS edition_before,
      lag(one.widths) OVER editions_of_rule AS widths_before
    FROM editions AS one WHERE one.rule = ANY (rules)
    WINDOW editions_of_rule AS (PARTITION BY one.rule ORDER BY one.edition)
  ), begun AS (
    -- Whatever the log: ids of partitions may differ, and editions go on when a log is accepted.
    SELECT
      started.edition,
      CASE WHEN count(DISTINCT started.partition) >= max(started.partitions) THEN
        date_trunc('second', max(greatest(
          started.from_partition_time, started.from_largest_time, earlier.partition_time
        ))) + interval '1 second'
      END AS reached
    FROM chain
    JOIN edition_starts AS started ON started.edition = chain.edition
    LEFT JOIN positions AS mine ON mine.source = 'live'
      AND mine.partition = started.partition AND mine.log_id = started.log_id
    LEFT JOIN positions AS earlier ON earlier.source = 'live' AND NOT earlier.open
      AND earlier.partition = started.partition AND earlier.log_number < mine.log_number
    GROUP BY started.edition
  ), placed AS (
    SELECT chain.rule, chain.edition, CASE
      WHEN chain.edition_before IS NULL THEN '-infinity'
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
      PARTITION BY placed.rule ORDER BY placed.edition
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS until_time
    FROM placed WHERE from_time IS NOT NULL
  )
  SELECT
    followed.rule,
    tstzrange(nullif(followed.from_time, '-infinity'), followed.until_time),
    followed.edition
  FROM followed
  WHERE followed.until_time IS NULL OR followed.from_time < followed.until_time
$$;

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
