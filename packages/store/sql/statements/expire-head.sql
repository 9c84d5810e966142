WITH gone AS (
  DELETE FROM samples_head WHERE partition = $1 AND ctid = ANY (ARRAY(
    SELECT waiting.ctid
    FROM samples_head AS waiting
    LEFT JOIN series_definitions AS known ON known.series_id = waiting.series_id
    LEFT JOIN unnest($2::text[], $3::timestamptz[]) AS own(tenant, before)
      ON own.tenant = known.tenant
    WHERE waiting.partition = $1 AND waiting.time < coalesce(own.before, $4::timestamptz)
  )) RETURNING series_id
)
SELECT CASE WHEN known.tenant = ANY ($2::text[]) THEN known.tenant END AS tenant,
  count(*)::integer AS deleted
FROM gone LEFT JOIN series_definitions AS known USING (series_id) GROUP BY 1
