INSERT INTO ledger_reason_totals (
  log_id, partition, source, tenant, disposition, reason, samples
)
SELECT $1, $2, $3, given.tenant, 'dropped', given.rule, given.samples
FROM unnest($4::text[], $5::text[], $6::bigint[]) AS given(tenant, rule, samples)
ON CONFLICT (log_id, partition, source, tenant, disposition, reason) DO UPDATE SET
  samples = excluded.samples
