-- Editions that every partition has begun take over from the one before: for windows that start
-- after the latest of their beginnings, and after the largest sample time any partition had seen
-- by then. Those windows are whole in the new edition, and the ones before are in the old.
WITH given AS (
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS given(rule, edition, partitions)
), ready AS (
  SELECT
    given.rule, given.edition,
    date_trunc('second', max(greatest(started.from_partition_time, started.from_largest_time)))
      + interval '1 second' AS from_time
  FROM given
  JOIN edition_starts AS started ON started.edition = given.edition AND started.log_id = $4
  WHERE given.partitions > 0
  GROUP BY given.rule, given.edition, given.partitions
  HAVING count(*) >= given.partitions
), newest AS (
  SELECT DISTINCT ON (rule) rule, edition, from_time FROM ready ORDER BY rule, edition DESC
), ending AS (
  SELECT
    shown.rule, shown.range AS before, newest.edition,
    greatest(newest.from_time, coalesce(lower(shown.range), newest.from_time)) AS from_time
  FROM newest
  JOIN served AS shown
    ON shown.rule = newest.rule AND upper_inf(shown.range) AND shown.edition < newest.edition
), closed AS (
  UPDATE served SET range = tstzrange(lower(ending.before), ending.from_time)
  FROM ending
  WHERE served.rule = ending.rule AND served.range = ending.before
    AND ending.from_time IS DISTINCT FROM lower(ending.before)
), replaced AS (
  -- Two changes with nothing between them.
  UPDATE served SET edition = ending.edition
  FROM ending
  WHERE served.rule = ending.rule AND served.range = ending.before
    AND ending.from_time = lower(ending.before)
)
INSERT INTO served (rule, range, edition)
SELECT rule, tstzrange(from_time, NULL), edition FROM ending
WHERE from_time IS DISTINCT FROM lower(before)
ORDER BY rule
