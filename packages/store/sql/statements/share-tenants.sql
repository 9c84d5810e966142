-- Nobody is set apart while it is held.
SELECT pg_advisory_xact_lock_shared($1)
