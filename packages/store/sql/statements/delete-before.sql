WITH gone AS MATERIALIZED (
  SELECT delete_before($1, $2, $3, $4)::integer AS deleted
), noted AS (
  INSERT INTO expired AS known (table_name, before)
  SELECT $5, $3 FROM gone WHERE deleted > 0
  ON CONFLICT (
    table_name, coalesce(width, interval '0'), coalesce(edition, 0), coalesce(tenant, ''), others
  ) DO UPDATE SET before = excluded.before WHERE known.before < excluded.before
)
SELECT deleted FROM gone
