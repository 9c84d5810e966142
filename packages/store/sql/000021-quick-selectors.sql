-- Selectors look at each series once, and run on it only what that did not answer.

-- As before, but not STRICT, which would keep it from becoming a part of the query: a call for each
-- series and matcher takes many times as long as what it compares.
CREATE OR REPLACE FUNCTION label_matches(label_value text, operator text, value text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE operator
    WHEN '=' THEN label_value = value
    WHEN '!=' THEN label_value <> value
    ELSE (operator = '=~') = (label_value ~ CASE
      WHEN left(value, 4) = '(?i)' THEN '(?i)^(?:' || substr(value, 5) || ')$'
      ELSE '^(?:' || value || ')$'
    END)
  END
$$;

-- The series that a selector selects, of all tenants.
CREATE OR REPLACE FUNCTION series_of(selector text)
RETURNS TABLE (series_id bigint, tenant text, metric text, labels jsonb)
LANGUAGE sql STABLE STRICT ROWS 10 AS $$
  WITH matchers AS MATERIALIZED (
    SELECT * FROM selector_matchers(selector)
  ), exact AS MATERIALIZED (
    -- What candidates are found by. Labels equal to the empty string may be absent.
    SELECT
      min(value) FILTER (WHERE label = '__name__') AS metric,
      coalesce(
        jsonb_object_agg(label, value) FILTER (WHERE label <> '__name__' AND value <> ''), '{}'
      ) AS labels
    FROM matchers WHERE operator = '='
  ), remaining AS MATERIALIZED (
    -- What is not known of every candidate; of two values for one label only one is.
    SELECT matchers.* FROM matchers, exact
    WHERE matchers.operator <> '=' OR matchers.value IS DISTINCT FROM CASE
      WHEN matchers.label = '__name__' THEN exact.metric ELSE exact.labels ->> matchers.label
    END
  ), candidates AS (
    -- Written as @> the index of labels could be taken, and a metric with few series would read
    -- those of all metrics that have a label like job="api".
    SELECT known.* FROM series_definitions AS known
    WHERE known.metric = (SELECT metric FROM exact)
      AND jsonb_contains(known.labels, (SELECT labels FROM exact))
    UNION ALL
    SELECT known.* FROM series_definitions AS known
    WHERE (SELECT metric FROM exact) IS NULL AND known.labels @> (SELECT labels FROM exact)
  )
  SELECT candidate.series_id, candidate.tenant, candidate.metric, candidate.labels
  FROM candidates AS candidate
  WHERE NOT EXISTS (
    SELECT FROM remaining
    WHERE NOT label_matches(
      CASE WHEN remaining.label = '__name__' THEN candidate.metric
        ELSE coalesce(candidate.labels ->> remaining.label, '') END,
      remaining.operator, remaining.value
    )
  )
$$;
