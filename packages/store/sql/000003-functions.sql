-- Functions over windows. All in plain SQL, so that they can be read here and run anywhere.

-- Float arithmetic that behaves as IEEE 754 says: PostgreSQL's own raises an error where a result
-- leaves the range, and one extreme window would then make every query over it fail.
CREATE FUNCTION add_floats(a double precision, b double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE
    WHEN abs(a) < 1e290 OR abs(b) < 1e290 THEN a + b
    WHEN abs(a) >= 'Infinity' OR abs(b) >= 'Infinity' THEN a + b
    -- The largest finite number, halved like the terms: the sum would round to infinity.
    WHEN abs(a / 2 + b / 2) > 1.7976931348623157e308 / 2 THEN sign(a) * 'Infinity'
    ELSE a + b
  END
$$;

-- For divisors of 1 and more.
CREATE FUNCTION divide_floats(a double precision, b double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE
    WHEN abs(a) >= 1e-290 OR a = 0 THEN a / b
    -- Scaled up, the division cannot underflow; half of the smallest number rounds to zero.
    WHEN abs(a * power(2::double precision, 200) / b) <= power(2::double precision, -875) THEN 0
    ELSE a * power(2::double precision, 200) / b / power(2::double precision, 200)
  END
$$;

-- A sum in the order its input is given.
CREATE AGGREGATE sum_in_order(double precision) (
  SFUNC = add_floats, STYPE = double precision, PARALLEL = SAFE
);

-- Increase per second, no extrapolation.
CREATE FUNCTION rate(increase double precision, width interval) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT divide_floats(increase, extract(epoch FROM width)::double precision)
$$;

-- 2^x where a bound of a histogram bucket may lie just outside the range of floats: 0 below the
-- smallest, the largest above it.
CREATE FUNCTION power_of_two(x double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE
    WHEN x >= 1024 THEN 1.7976931348623157e308
    WHEN x < -1074 THEN 0
    ELSE power(2::double precision, x)
  END
$$;

-- Unsigned big-endian numbers out of bytes. Counts never reach the sign bit.
CREATE FUNCTION uint16_at(bytes bytea, at integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (get_byte(bytes, at) << 8) + get_byte(bytes, at + 1)
$$;
CREATE FUNCTION uint32_at(bytes bytea, at integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (get_byte(bytes, at)::bigint << 24) + (get_byte(bytes, at + 1) << 16)
    + (get_byte(bytes, at + 2) << 8) + get_byte(bytes, at + 3)
$$;
CREATE FUNCTION uint64_at(bytes bytea, at integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (uint32_at(bytes, at) << 32) + uint32_at(bytes, at + 4)
$$;

-- Exponential histograms. Bytes: version 1, scale int8, then big-endian zero count u64,
-- +Inf count u64, -Inf count u64, P u32, N u32, P positive and N negative buckets, each
-- (index i32, count u64) by ascending index. Bucket i holds (2^(i/2^scale), 2^((i+1)/2^scale)];
-- a negative one the absolute values.
CREATE FUNCTION histogram_scale(histogram bytea) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (get_byte(histogram, 1) + 128) % 256 - 128
$$;

CREATE FUNCTION histogram_buckets(histogram bytea)
RETURNS TABLE (negative boolean, index integer, count bigint)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 100 AS $$
  SELECT
    bucket >= uint32_at(histogram, 26),
    ((uint32_at(histogram, 34 + 12 * bucket) + 2147483648) % 4294967296 - 2147483648)::integer,
    uint64_at(histogram, 38 + 12 * bucket)
  FROM generate_series(
    0, (uint32_at(histogram, 26) + uint32_at(histogram, 30) - 1)::integer
  ) AS bucket
$$;

-- Counts of equal buckets added, at the smallest scale among them, reduced further until no sign
-- spans more than 160 buckets.
CREATE FUNCTION merge_histograms(histograms bytea[]) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  WITH counts AS (
    SELECT
      min(histogram_scale(histogram)) AS scale,
      sum(uint64_at(histogram, 2))::bigint AS zero,
      sum(uint64_at(histogram, 10))::bigint AS positive_infinity,
      sum(uint64_at(histogram, 18))::bigint AS negative_infinity
    FROM unnest(histograms) AS histogram
  ), merged AS (
    SELECT
      bucket.negative,
      bucket.index >> (histogram_scale(histogram) - counts.scale) AS index,
      sum(bucket.count) AS count
    FROM counts, unnest(histograms) AS histogram, histogram_buckets(histogram) AS bucket
    GROUP BY 1, 2
  ), spans AS (
    SELECT min(index) AS lowest, max(index) AS highest FROM merged GROUP BY negative
  ), reduction AS (
    SELECT min(steps) AS steps FROM generate_series(0, 31) AS steps
    WHERE NOT EXISTS (SELECT FROM spans WHERE (highest >> steps) - (lowest >> steps) >= 160)
  ), buckets AS (
    SELECT negative, index >> steps AS index, sum(count)::bigint AS count
    FROM merged, reduction GROUP BY 1, 2
  ), encoded AS (
    SELECT
      count(*) FILTER (WHERE NOT negative)::integer AS positives,
      count(*) FILTER (WHERE negative)::integer AS negatives,
      string_agg(int4send(index) || int8send(count), ''::bytea ORDER BY negative, index) AS bytes
    FROM buckets
  )
  SELECT
    set_byte('\x0100'::bytea, 1, (counts.scale - reduction.steps + 256) % 256)
    || int8send(zero) || int8send(positive_infinity) || int8send(negative_infinity)
    || int4send(positives) || int4send(negatives) || coalesce(bytes, ''::bytea)
  FROM counts, reduction, encoded
$$;

CREATE FUNCTION merged_histogram(histograms bytea[]) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE cardinality(histograms)
    WHEN 0 THEN NULL WHEN 1 THEN histograms[1] ELSE merge_histograms(histograms)
  END
$$;

CREATE FUNCTION collect_bytes(collected bytea[], bytes bytea) RETURNS bytea[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN bytes IS NULL THEN collected ELSE array_append(collected, bytes) END
$$;

-- One histogram of everything that its inputs counted.
CREATE AGGREGATE merge_histogram(bytea) (
  SFUNC = collect_bytes, STYPE = bytea[], INITCOND = '{}', FINALFUNC = merged_histogram,
  PARALLEL = SAFE
);

-- The value of rank greatest(1, ceil(q * count)), to within half a bucket: the harmonic mean of its
-- bucket's ends. NULL of an empty histogram; -Infinity for q below 0, Infinity above 1, NaN of NaN.
CREATE FUNCTION quantile(histogram bytea, q double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  WITH ordered AS (
    -- (place, turn) is the order of the values.
    SELECT 1 AS place, 0 AS turn, 0 AS index, uint64_at(histogram, 18) AS count
    UNION ALL
    SELECT 2, -bucket.index, bucket.index, bucket.count
    FROM histogram_buckets(histogram) AS bucket WHERE bucket.negative
    UNION ALL
    SELECT 3, 0, 0, uint64_at(histogram, 2)
    UNION ALL
    SELECT 4, bucket.index, bucket.index, bucket.count
    FROM histogram_buckets(histogram) AS bucket WHERE NOT bucket.negative
    UNION ALL
    SELECT 5, 0, 0, uint64_at(histogram, 10)
  ), ranked AS (
    SELECT
      place, turn, index,
      sum(count) OVER (ORDER BY place, turn) AS upto,
      sum(count) OVER ()::double precision AS total
    FROM ordered WHERE count > 0
  ), found AS (
    SELECT
      place,
      power_of_two(index * width) AS low,
      power_of_two((index + 1) * width) AS high
    FROM ranked, power(2::double precision, -histogram_scale(histogram)) AS width
    WHERE upto >= greatest(1, ceil(q * total))::numeric
    ORDER BY place, turn LIMIT 1
  )
  SELECT CASE
    WHEN NOT EXISTS (SELECT FROM ranked) THEN NULL
    WHEN q = 'NaN' THEN q
    WHEN q < 0 THEN '-Infinity'
    WHEN q > 1 THEN 'Infinity'
    ELSE (
      SELECT CASE place
        WHEN 1 THEN '-Infinity'
        WHEN 3 THEN 0
        WHEN 5 THEN 'Infinity'
        -- Ordered so that nothing on the way leaves the range of floats.
        ELSE CASE place WHEN 2 THEN -1 ELSE 1 END
          * CASE WHEN low = 0 THEN high ELSE low / (1 + low / high) * 2 END
      END
      FROM found
    )
  END
$$;

-- HyperLogLog sketches of 2^14 registers. Bytes: version (1 sparse, 2 dense), precision 14; sparse:
-- n u16 big-endian, n times (register u16, rank u8) ascending; dense: one rank byte a register.
CREATE FUNCTION distinct_registers(sketch bytea)
RETURNS TABLE (register integer, rank integer)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 AS $$
  SELECT uint16_at(sketch, 4 + 3 * i), get_byte(sketch, 6 + 3 * i)
  FROM generate_series(0, uint16_at(sketch, 2) - 1) AS i
  WHERE get_byte(sketch, 0) = 1
  UNION ALL
  SELECT i, get_byte(sketch, 2 + i)
  FROM generate_series(0, 16383) AS i
  WHERE get_byte(sketch, 0) = 2 AND get_byte(sketch, 2 + i) > 0
$$;

-- About how many distinct values the sketch has seen (standard error 0.8 %). Source: Ertl, "New
-- cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6, without the
-- correction for more than 2^60 values.
CREATE FUNCTION distinct_count(sketch bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  WITH registers AS (
    SELECT
      coalesce(sum(power(2::double precision, -rank)), 0) AS inverse,
      (16384 - count(*)) / 16384::double precision AS empty
    FROM distinct_registers(sketch)
  )
  SELECT CASE
    WHEN empty = 1 THEN 0
    -- The series of sigma(empty): empty + empty^2 + 2 empty^4 + 4 empty^8 + ...
    ELSE round(0.7213475204444817 * 16384 * 16384 / (inverse + 16384 * (empty + (
      SELECT sum(CASE
        WHEN empty = 0 OR power(2::double precision, k) * ln(empty) < -700 THEN 0
        ELSE power(2::double precision, k - 1) * exp(power(2::double precision, k) * ln(empty))
      END)
      FROM generate_series(1, 30) AS k
    ))))
  END::bigint
  FROM registers
$$;

CREATE FUNCTION merge_sketches(sketches bytea[]) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  WITH merged AS (
    SELECT entry.register, max(entry.rank) AS rank
    FROM unnest(sketches) AS sketch, distinct_registers(sketch) AS entry
    GROUP BY entry.register
  ), size AS (
    SELECT count(*)::integer AS registers FROM merged
  )
  SELECT CASE
    WHEN registers <= 4096 THEN '\x010e'::bytea || int2send(registers::smallint) || (
      SELECT coalesce(string_agg(
        substr(int4send(register), 3) || substr(int4send(rank), 4), ''::bytea ORDER BY register
      ), ''::bytea)
      FROM merged
    )
    ELSE '\x020e'::bytea || (
      SELECT string_agg(substr(int4send(coalesce(rank, 0)), 4), ''::bytea ORDER BY i)
      FROM generate_series(0, 16383) AS i LEFT JOIN merged ON merged.register = i
    )
  END
  FROM size
$$;

CREATE FUNCTION merged_sketch(sketches bytea[]) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE cardinality(sketches)
    WHEN 0 THEN NULL WHEN 1 THEN sketches[1] ELSE merge_sketches(sketches)
  END
$$;

-- One sketch of everything that its inputs have seen.
CREATE AGGREGATE merge_distinct(bytea) (
  SFUNC = collect_bytes, STYPE = bytea[], INITCOND = '{}', FINALFUNC = merged_sketch,
  PARALLEL = SAFE
);

-- Last values of input series, in the order of the bytes of their ids. Of two pieces that know the
-- same series, the value with the later time counts.
CREATE FUNCTION merged_inputs(pieces series_inputs[]) RETURNS series_inputs
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE cardinality(pieces)
    WHEN 0 THEN NULL
    WHEN 1 THEN pieces[1]
    ELSE (
      SELECT ROW(
        array_agg(series_id ORDER BY series_id < 0, series_id),
        array_agg(time ORDER BY series_id < 0, series_id),
        array_agg(value ORDER BY series_id < 0, series_id)
      )::series_inputs
      FROM (
        SELECT DISTINCT ON (input.series_id) input.series_id, input.time, input.value
        FROM generate_subscripts(pieces, 1) AS i,
          unnest((pieces[i]).series_ids, (pieces[i]).times, (pieces[i])."values")
            AS input(series_id, time, value)
        ORDER BY input.series_id, input.time DESC, i DESC
      ) AS newest
    )
  END
$$;

CREATE FUNCTION collect_inputs(collected series_inputs[], inputs series_inputs)
RETURNS series_inputs[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN (inputs).series_ids IS NULL THEN collected
    ELSE array_append(collected, inputs) END
$$;

CREATE AGGREGATE merge_inputs(series_inputs) (
  SFUNC = collect_inputs, STYPE = series_inputs[], INITCOND = '{}', FINALFUNC = merged_inputs,
  PARALLEL = SAFE
);

CREATE FUNCTION sum_last(inputs series_inputs) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT sum_in_order(value ORDER BY place)
  FROM unnest((inputs)."values") WITH ORDINALITY AS input(value, place)
$$;

CREATE FUNCTION count_series(inputs series_inputs) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT cardinality((inputs).series_ids)::bigint
$$;

CREATE FUNCTION avg_last(inputs series_inputs) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT divide_floats(sum_last(inputs), nullif(count_series(inputs), 0)::double precision)
$$;
