-- Prometheus selectors: name{label="value", label!="value", label=~"regex", label!~"regex"}.
-- A regex is PostgreSQL's own dialect (advanced regular expressions), anchored at both ends as in
-- Prometheus. What both dialects share works alike; of what only RE2 has, a leading (?i) works.
-- A label that a series lacks is the empty string. Strings escape as JSON does, or stand in
-- backticks. {} selects everything.

-- Internal: raises an error out of an expression.
CREATE FUNCTION refuse(message text, hint text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message, HINT = hint;
END
$$;

CREATE FUNCTION unquote_selector_string(quoted text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE left(quoted, 1)
    WHEN '"' THEN quoted::jsonb #>> '{}'
    WHEN '`' THEN substr(quoted, 2, length(quoted) - 2)
    WHEN '''' THEN (
      '"' || replace(replace(substr(quoted, 2, length(quoted) - 2), '\''', ''''), '"', '\"') || '"'
    )::jsonb #>> '{}'
    ELSE quoted
  END
$$;

CREATE FUNCTION selector_matchers(selector text)
RETURNS TABLE (label text, operator text, value text)
LANGUAGE sql STABLE STRICT ROWS 3 AS $$
  WITH grammar AS (
    SELECT
      '(?:"(?:[^"\\]|\\.)*"|''(?:[^''\\]|\\.)*''|`[^`]*`)' AS string,
      '[a-zA-Z_][a-zA-Z0-9_]*' AS name,
      '[a-zA-Z_:][a-zA-Z0-9_:]*' AS metric,
      '(?:=~|!~|!=|=)' AS operator
  ), pattern AS (
    SELECT
      format('(?:(?:%s|%s)\s*%s\s*%s|%s)', name, string, operator, string, string) AS matcher,
      format('(%s|%s)\s*(?:(%s)\s*(%s))?', name, string, operator, string) AS parts,
      metric
    FROM grammar
  ), body AS (
    SELECT
      parts,
      substring(selector FROM format('^\s*(%s)', metric)) AS metric,
      substring(selector FROM '^[^{]*\{(.*)\}\s*$') AS matchers,
      selector ~ format(
        '^\s*(?:%s\s*)?(?:\{\s*(?:%s(?:\s*,\s*%s)*\s*,?\s*)?\}\s*)?$', metric, matcher, matcher
      ) AND selector ~ '\S' AS valid
    FROM pattern
  )
  SELECT '__name__', '=', metric FROM body WHERE metric IS NOT NULL
  UNION ALL
  SELECT
    CASE WHEN found[2] IS NULL THEN '__name__' ELSE unquote_selector_string(found[1]) END,
    coalesce(found[2], '='),
    unquote_selector_string(coalesce(found[3], found[1]))
  FROM body, regexp_matches(matchers, parts, 'g') AS found
  WHERE CASE WHEN valid THEN true ELSE refuse(
    format('not a selector: %s', selector), 'Write it as name{label="value", other=~"a|b"}.'
  ) END
  UNION ALL
  SELECT NULL, NULL, NULL FROM body
  WHERE NOT valid AND refuse(
    format('not a selector: %s', selector), 'Write it as name{label="value", other=~"a|b"}.'
  )
$$;

CREATE FUNCTION label_matches(label_value text, operator text, value text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
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
CREATE FUNCTION series_of(selector text)
RETURNS TABLE (series_id bigint, tenant text, metric text, labels jsonb)
LANGUAGE sql STABLE STRICT ROWS 10 AS $$
  WITH matchers AS MATERIALIZED (
    SELECT * FROM selector_matchers(selector)
  ), exact AS MATERIALIZED (
    -- What an index can answer. Labels equal to the empty string may be absent.
    SELECT
      min(value) FILTER (WHERE label = '__name__') AS metric,
      coalesce(
        jsonb_object_agg(label, value) FILTER (WHERE label <> '__name__' AND value <> ''), '{}'
      ) AS labels
    FROM matchers WHERE operator = '='
  ), candidates AS (
    SELECT known.* FROM series_definitions AS known
    WHERE known.metric = (SELECT metric FROM exact)
    UNION ALL
    SELECT known.* FROM series_definitions AS known
    WHERE (SELECT metric FROM exact) IS NULL AND known.labels @> (SELECT labels FROM exact)
  )
  SELECT candidate.series_id, candidate.tenant, candidate.metric, candidate.labels
  FROM candidates AS candidate
  WHERE NOT EXISTS (
    SELECT FROM matchers
    WHERE NOT label_matches(
      CASE WHEN matchers.label = '__name__' THEN candidate.metric
        ELSE coalesce(candidate.labels ->> matchers.label, '') END,
      matchers.operator, matchers.value
    )
  )
$$;

-- Raw samples of the selected series in [from_time, to_time).
CREATE FUNCTION samples_of(selector text, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (
  "time" timestamptz, series_id bigint, tenant text, metric text, labels jsonb,
  value double precision, stale boolean, unverified boolean
)
LANGUAGE sql STABLE ROWS 1000 AS $$
  SELECT
    sample.time, known.series_id, known.tenant, known.metric, known.labels,
    sample.value, sample.stale, sample.unverified
  FROM series_of(selector) AS known
  JOIN samples AS sample ON sample.series_id = known.series_id
  WHERE sample.time >= from_time AND sample.time < to_time
$$;
