UPDATE editions SET dropped_at = coalesce(dropped_at, now()), freed = false
WHERE edition = ANY ($1::bigint[])
