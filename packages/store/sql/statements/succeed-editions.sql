-- Editions that every partition has begun take over from the one before: for windows that start
-- after the latest of their beginnings, and after the largest sample time any partition had seen
-- by then. Those windows are whole in the new edition, and the ones before are in the old. Every
-- window start of a width that both have is shown by one of them, wherever the change lies. It lies
-- at the start of a wide window, so that there is nothing between them when widths change either;
-- of half an hour at most, because the old one is not folded for ever.
WITH given AS (
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS given(rule, edition, partitions)
), ready AS (
  SELECT
    given.rule, given.edition,
    date_trunc('second', max(greatest(started.from_partition_time, started.from_largest_time)))
      + interval '1 second' AS reached
  FROM given
  JOIN edition_starts AS started ON started.edition = given.edition AND started.log_id = $4
  WHERE given.partitions > 0
  GROUP BY given.rule, given.edition, given.partitions
  HAVING count(*) >= given.partitions
), newest AS (
  SELECT DISTINCT ON (rule) rule, edition, reached FROM ready ORDER BY rule, edition DESC
), ending AS (
  SELECT
    shown.rule, shown.range AS before, newest.edition,
    greatest(
      to_timestamp(ceil(extract(epoch FROM newest.reached) / step.seconds) * step.seconds),
      lower(shown.range)
    ) AS from_time
  FROM newest
  JOIN served AS shown
    ON shown.rule = newest.rule AND upper_inf(shown.range) AND shown.edition < newest.edition
  CROSS JOIN LATERAL (
    SELECT coalesce(max(extract(epoch FROM width)), 1) AS seconds
    FROM editions AS one, unnest(one.widths) AS width
    WHERE one.edition IN (shown.edition, newest.edition) AND width <= interval '30 minutes'
  ) AS step
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
