-- One writer at a time looks whether every partition has begun them.
SELECT edition FROM editions WHERE edition = ANY ($1::bigint[]) ORDER BY edition FOR UPDATE
