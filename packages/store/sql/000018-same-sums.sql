-- A sum depends on the order in which it was added up: what a job folded and what arrived since are
-- two pieces in the one edition, and were one in the other. That is no change of anything.

-- Internal: whether two sums are the same but for rounding. `largest`: what they may have been made
-- of, taken without signs, as far as it is known; it tells where much of a sum cancels out.
CREATE FUNCTION is_same_sum(a double precision, b double precision, largest double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT a IS NOT DISTINCT FROM b OR coalesce(
    -- NaN and infinities lie outside, and so does what a difference would be too large of.
    a BETWEEN -1e300 AND 1e300 AND b BETWEEN -1e300 AND 1e300
      AND abs(a - b) <= 1e-12 * greatest(abs(a), abs(b), largest, 1e-290),
    false
  )
$$;

-- How two editions differ in windows that start in [from_time, until_time): a row for each window
-- of each series. `change`: added (in the second alone), removed, changed, equal; partial: one of
-- them is not whole there; incomplete: it still grows. Columns are compared exactly, sums but for
-- rounding; NaN equals NaN. `numbers_before`, `numbers_after`: see `largest_changes`.
CREATE OR REPLACE FUNCTION compare_editions(
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
        one.count, one.min, one.max, one.first, one.first_time, one.last, one.last_time,
        one.histogram, one."distinct", one.inputs, one.marked
      ) IS DISTINCT FROM ROW(
        other.count, other.min, other.max, other.first, other.first_time, other.last,
        other.last_time, other.histogram, other."distinct", other.inputs, other.marked
      )
      OR NOT is_same_sum(one.sum, other.sum, size.largest)
      OR NOT is_same_sum(one.increase, other.increase, size.largest) AS is_changed,
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
    CROSS JOIN LATERAL (
      SELECT one.count * least(
        coalesce(greatest(abs(one.min), abs(one.max), abs(one.first), abs(one.last)), 0), 1e280
      ) AS largest
    ) AS size
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

-- The numbers of windows that changed most, relative to the larger of both: up to 1, or up to 2
-- where the sign changes; 1 where only one of them is a finite number.
CREATE OR REPLACE FUNCTION largest_changes(
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
  CROSS JOIN LATERAL greatest(abs(number.before), abs(number.after)) AS larger(number)
  CROSS JOIN LATERAL least(abs(number.before), abs(number.after)) AS smaller(number)
  CROSS JOIN LATERAL (
    SELECT CASE
      WHEN number.before::text !~ '^-?[0-9]' OR number.after::text !~ '^-?[0-9]' THEN 1
      WHEN number.before IS NULL OR number.after IS NULL THEN 1
      -- Nothing is computed that is too large or too small for a float.
      WHEN larger.number < 1e300 THEN abs(number.after - number.before) / nullif(larger.number, 0)
      WHEN sign(number.before) = sign(number.after)
        THEN abs(number.after - number.before) / nullif(larger.number, 0)
      WHEN smaller.number < 1e280 THEN 1
      ELSE 1 + smaller.number / larger.number
    END AS relative
  ) AS compared
  WHERE changed.change = 'changed' AND number.before IS DISTINCT FROM number.after
  ORDER BY compared.relative DESC, changed.start, changed.series_id, changed.width, number.name
  LIMIT changes_max
$$;
