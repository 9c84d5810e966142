INSERT INTO expired AS known (table_name, width, edition, tenant, others, before)
VALUES ($1, $2::bigint * interval '1 microsecond', $3, $4, $5, $6)
ON CONFLICT (
  table_name, coalesce(width, interval '0'), coalesce(edition, 0), coalesce(tenant, ''), others
) DO UPDATE SET before = excluded.before WHERE known.before < excluded.before
