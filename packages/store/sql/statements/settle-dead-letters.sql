-- What a person did with dead letters of samples moves their counts.
UPDATE ledger_totals AS totals SET
  dead_letter_to_duplicate = totals.dead_letter_to_duplicate + given.redriven,
  dead_letter_to_dropped = totals.dead_letter_to_dropped + given.dropped
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
  AS given(log_id, partition, source, tenant, redriven, dropped)
WHERE totals.log_id = given.log_id AND totals.partition = given.partition
  AND totals.source = given.source AND totals.tenant = given.tenant
