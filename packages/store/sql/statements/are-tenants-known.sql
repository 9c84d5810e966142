-- Whether all that are set apart are among these.
SELECT NOT EXISTS (
  SELECT FROM retention_tenants WHERE tenant <> ALL ($1::text[])
) AS are_known
