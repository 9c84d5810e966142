-- What was deleted of all others until now was deleted of these as well.
WITH apart AS (
  INSERT INTO retention_tenants (tenant) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING
  RETURNING tenant
)
INSERT INTO expired (table_name, width, edition, tenant, before)
SELECT known.table_name, known.width, known.edition, apart.tenant, known.before
FROM apart CROSS JOIN expired AS known
WHERE known.others
ON CONFLICT DO NOTHING
