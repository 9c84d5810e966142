-- One row of input for each sample that became a dead letter.
INSERT INTO ledger_reason_totals AS known (
  log_id, partition, source, tenant, disposition, reason, samples
)
SELECT
  $1, $2, $3, coalesce(given.tenant, series.tenant, ''), 'dead_letter', given.reason, count(*)
FROM unnest($4::bigint[], $5::text[], $6::text[]) AS given(series_id, tenant, reason)
LEFT JOIN series_definitions AS series USING (series_id)
GROUP BY coalesce(given.tenant, series.tenant, ''), given.reason
ON CONFLICT (log_id, partition, source, tenant, disposition, reason) DO UPDATE SET
  samples = known.samples + excluded.samples
