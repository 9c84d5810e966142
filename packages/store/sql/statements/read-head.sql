-- Everything that lies in the head of a partition, as columns of bytes; no row when there is none.
-- One statement, so that version and rows are of one moment.
SELECT
  known.version::text AS version, head.*
FROM samples_head_versions AS known
CROSS JOIN LATERAL (
  SELECT
    count(*)::integer AS count,
    string_agg(int8send(series_id), '') AS ids,
    string_agg(timestamptz_send(time), '') AS times,
    string_agg(float8send(coalesce(value, 'NaN')), '') AS values,
    string_agg(set_byte('\x00', 0, stale::integer * $2 + unverified::integer * $3), '') AS flags
  FROM samples_head WHERE partition = $1
) AS head
WHERE known.partition = $1 AND to_regclass('samples_head_' || $1::integer) IS NOT NULL
