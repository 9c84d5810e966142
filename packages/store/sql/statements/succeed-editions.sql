-- Editions take over from the one that is shown before them, of each rule one at a time. Those that
-- every partition has begun do so for windows that start after the latest of their beginnings, and
-- after the largest sample time any partition had seen by then (or its log, when that was another
-- one). Those windows are whole in the new edition, and the ones before are in the old. Every window
-- start of a width that both have is shown by one of them, wherever the change lies. It lies at the
-- start of a wide window, so that there is nothing between them when widths change either; of an
-- hour at most, because the old one is not folded for ever. What starts after the old one ended
-- anywhere is the new one's in any case, also while some partitions have not begun it: the old one
-- has nothing of the others.
WITH given AS (
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS given(rule, edition, partitions)
), begun AS (
  SELECT
    given.rule, given.edition,
    CASE WHEN count(DISTINCT started.partition) >= given.partitions THEN
      date_trunc('second', greatest(
        max(greatest(started.from_partition_time, started.from_largest_time)),
        (SELECT max(partition_time) FROM positions WHERE source = 'live' AND NOT open)
      )) + interval '1 second'
    END AS reached
  FROM given
  -- Whatever the log: ids of partitions may differ, and an edition goes on when a log is accepted.
  JOIN edition_starts AS started ON started.edition = given.edition
  WHERE given.partitions > 0
  GROUP BY given.rule, given.edition, given.partitions
), pair AS (
  SELECT
    begun.rule, begun.edition, begun.reached, mine.range AS mine,
    before.range AS before, before.edition AS before_edition
  FROM begun
  LEFT JOIN LATERAL (
    SELECT range FROM served
    WHERE served.rule = begun.rule AND served.edition = begun.edition
    ORDER BY lower(range) DESC LIMIT 1
  ) AS mine ON true
  JOIN served AS before ON before.rule = begun.rule AND before.edition < begun.edition
    AND CASE WHEN mine.range IS NULL THEN upper_inf(before.range)
      ELSE upper(before.range) = lower(mine.range) END
), ending AS (
  SELECT
    pair.rule, pair.edition, pair.mine, pair.before,
    greatest(place.from_time, lower(pair.before)) AS from_time
  FROM pair
  JOIN editions AS one ON one.edition = pair.before_edition
  JOIN editions AS other ON other.edition = pair.edition
  CROSS JOIN LATERAL (
    SELECT coalesce(max(extract(epoch FROM width)), 1) AS seconds
    FROM unnest(one.widths || other.widths) AS width
    WHERE width <=
      CASE WHEN one.widths = other.widths THEN interval '30 minutes' ELSE interval '1 hour' END
  ) AS step
  CROSS JOIN LATERAL (
    SELECT least(
      to_timestamp(ceil(extract(epoch FROM pair.reached) / step.seconds) * step.seconds),
      (SELECT min(until_time) FROM edition_ends WHERE edition_ends.edition = pair.before_edition)
    ) AS from_time
  ) AS place
  WHERE place.from_time IS NOT NULL
), change AS (
  -- Only to earlier: what was the new one's stays it.
  SELECT *, from_time IS NOT DISTINCT FROM lower(before) AS has_nothing_before FROM ending
  WHERE mine IS NULL OR from_time < lower(mine)
), closed AS (
  UPDATE served SET range = tstzrange(lower(change.before), change.from_time)
  FROM change
  WHERE served.rule = change.rule AND served.range = change.before
    AND NOT change.has_nothing_before
), replaced AS (
  -- Two changes with nothing between them.
  UPDATE served SET edition = change.edition
  FROM change
  WHERE served.rule = change.rule AND served.range = change.before
    AND change.has_nothing_before AND change.mine IS NULL
), removed AS (
  DELETE FROM served USING change
  WHERE served.rule = change.rule AND served.range = change.before
    AND change.has_nothing_before AND change.mine IS NOT NULL
), moved AS (
  UPDATE served SET range = tstzrange(change.from_time, upper(change.mine))
  FROM change
  WHERE served.rule = change.rule AND served.range = change.mine
)
INSERT INTO served (rule, range, edition)
SELECT rule, tstzrange(from_time, NULL), edition FROM change
WHERE mine IS NULL AND NOT has_nothing_before
ORDER BY rule
