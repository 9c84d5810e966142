DELETE FROM dead_letters WHERE id = ANY ($1::bigint[])
RETURNING log_id, partition, source, tenant, reason, entry, redriven_at IS NOT NULL AS redriven
