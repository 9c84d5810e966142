INSERT INTO ledger_totals (
  log_id, partition, source, tenant,
  accepted, stored, duplicate, conflict, dropped, unverified, dead_letter, lost
)
SELECT $1, $2, $3, given.*
FROM unnest(
  $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
  $10::bigint[], $11::bigint[], $12::bigint[]
) AS given
ON CONFLICT (log_id, partition, source, tenant) DO UPDATE SET
  accepted = excluded.accepted, stored = excluded.stored, duplicate = excluded.duplicate,
  conflict = excluded.conflict, dropped = excluded.dropped, unverified = excluded.unverified,
  dead_letter = excluded.dead_letter, lost = excluded.lost
