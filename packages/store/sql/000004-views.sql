-- Views and functions for people.

-- Every series ever seen. Metadata is known by the family's name, which lacks these suffixes.
CREATE VIEW series AS
SELECT
  known.series_id, known.tenant, known.metric, known.labels, known.kind,
  coalesce(exact.unit, family.unit) AS unit,
  coalesce(exact.help, family.help) AS help,
  known.first_seen, known.last_seen
FROM series_definitions AS known
LEFT JOIN metadata AS exact
  ON exact.tenant = known.tenant AND exact.metric = known.metric
LEFT JOIN metadata AS family
  ON family.tenant = known.tenant
  AND family.metric = regexp_replace(known.metric, '_(bucket|sum|count|total)$', '');

-- Raw samples beside the names of their series. Filter on metric and time.
CREATE VIEW series_samples AS
SELECT
  sample.time, sample.bucket, sample.series_id, known.tenant, known.metric, known.labels,
  known.kind, sample.value, sample.stale, sample.unverified
FROM samples AS sample
LEFT JOIN series_definitions AS known USING (series_id);

-- The time before which every partition has put out all it had: no window that ends there changes
-- but by late samples. -Infinity until every known partition has told its watermark.
CREATE FUNCTION smallest_watermark() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN count(*) = 0 OR count(*) > count(watermark) THEN '-infinity' ELSE min(watermark)
  END
  FROM positions WHERE source = 'live' AND open
$$;

-- Windows of the served editions. Pieces are merged in the order (partition, piece); of one piece
-- the final hides what was open. NaN is a minimum or maximum only where nothing else is.
CREATE VIEW series_windows AS
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
  -- The edition was not computed yet when the window began.
  coalesce(piece.start < (
    SELECT max(started.from_partition_time) FROM edition_starts AS started
    WHERE started.edition = piece.edition
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

-- Where every accepted sample went, per tenant and partition:
-- accepted = stored + duplicate + conflict + dropped + unverified + dead_letter, in every row.
-- What the store moved between columns may be ahead of the totals for one publish interval; it
-- shows as far as the totals cover it.
CREATE VIEW ledger AS
SELECT
  moved.tenant,
  moved.partition,
  sum(moved.accepted)::bigint AS accepted,
  sum(moved.stored + moved.to_stored - moved.stored_to_dead)::bigint AS stored,
  sum(moved.duplicate + moved.to_duplicate)::bigint AS duplicate,
  sum(moved.conflict)::bigint AS conflict,
  sum(moved.dropped)::bigint AS dropped,
  sum(moved.unverified - moved.to_stored - moved.to_duplicate - moved.to_dead)::bigint
    AS unverified,
  sum(moved.dead_letter + moved.to_dead + moved.stored_to_dead)::bigint AS dead_letter
FROM (
  SELECT
    totals.*, to_stored, to_duplicate, to_dead,
    least(stored_to_dead_letter, stored + to_stored) AS stored_to_dead
  FROM ledger_totals AS totals,
    LATERAL (SELECT least(unverified_to_stored, unverified) AS to_stored) AS a,
    LATERAL (SELECT least(unverified_to_duplicate, unverified - to_stored) AS to_duplicate) AS b,
    LATERAL (
      SELECT least(unverified_to_dead_letter, unverified - to_stored - to_duplicate) AS to_dead
    ) AS c
  WHERE totals.source = 'live'
) AS moved
GROUP BY moved.tenant, moved.partition;
