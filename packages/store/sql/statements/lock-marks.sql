-- Marks are opened one after the other: two at once would not see each other's log.
SELECT pg_advisory_xact_lock($1, $2)
