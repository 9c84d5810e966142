-- One row of input for each sample whose disposition only the store could tell.
INSERT INTO ledger_totals AS known (
  log_id, partition, source, tenant,
  unverified_to_stored, unverified_to_duplicate, unverified_to_dead_letter, stored_to_dead_letter
)
SELECT
  $1, $2, $3, coalesce(given.tenant, series.tenant, ''),
  count(*) FILTER (WHERE move = 'unverified_to_stored'),
  count(*) FILTER (WHERE move = 'unverified_to_duplicate'),
  count(*) FILTER (WHERE move = 'unverified_to_dead_letter'),
  count(*) FILTER (WHERE move = 'stored_to_dead_letter')
FROM unnest($4::bigint[], $5::text[], $6::text[]) AS given(series_id, tenant, move)
LEFT JOIN series_definitions AS series USING (series_id)
GROUP BY coalesce(given.tenant, series.tenant, '')
ON CONFLICT (log_id, partition, source, tenant) DO UPDATE SET
  unverified_to_stored = known.unverified_to_stored + excluded.unverified_to_stored,
  unverified_to_duplicate = known.unverified_to_duplicate + excluded.unverified_to_duplicate,
  unverified_to_dead_letter =
    known.unverified_to_dead_letter + excluded.unverified_to_dead_letter,
  stored_to_dead_letter = known.stored_to_dead_letter + excluded.stored_to_dead_letter
