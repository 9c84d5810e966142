WITH gone AS (
  DELETE FROM unverified WHERE ctid = ANY (ARRAY(
    SELECT one.ctid
    FROM unverified AS one
    LEFT JOIN unnest($1::text[], $2::timestamptz[]) AS own(tenant, before) USING (tenant)
    WHERE one.received_at < coalesce(own.before, $3::timestamptz)
    LIMIT $4
  )) RETURNING tenant
)
SELECT CASE WHEN tenant = ANY ($1::text[]) THEN tenant END AS tenant, count(*)::integer AS deleted
FROM gone GROUP BY 1
