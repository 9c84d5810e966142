INSERT INTO ledger_reason_totals AS known (
  log_id, partition, source, tenant, disposition, reason, samples
)
SELECT given.* FROM unnest(
  $1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[]
) AS given
ON CONFLICT (log_id, partition, source, tenant, disposition, reason) DO UPDATE SET
  samples = known.samples + excluded.samples
