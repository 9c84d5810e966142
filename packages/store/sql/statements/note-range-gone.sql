-- A part of a table with windows is gone: of all editions there are. Of one that begins later, and
-- is folded for times before, nothing was deleted.
INSERT INTO expired AS known (table_name, width, edition, before)
SELECT $1, $2::bigint * interval '1 microsecond', gone.edition, $3
FROM (
  SELECT edition FROM editions
  UNION ALL
  SELECT NULL WHERE NOT EXISTS (SELECT FROM editions)
) AS gone
ON CONFLICT (
  table_name, coalesce(width, interval '0'), coalesce(edition, 0), coalesce(tenant, ''), others
) DO UPDATE SET before = excluded.before WHERE known.before < excluded.before
