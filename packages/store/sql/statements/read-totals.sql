SELECT
  log_id, partition, source, tenant,
  accepted, stored, duplicate, conflict, dropped, unverified, dead_letter, lost,
  unverified_to_stored, unverified_to_duplicate, unverified_to_dead_letter, stored_to_dead_letter,
  dead_letter_to_duplicate, dead_letter_to_dropped
FROM ledger_totals
ORDER BY partition, tenant, log_id, source
