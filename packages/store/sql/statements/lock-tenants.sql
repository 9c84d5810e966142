-- Nobody deletes while it is held of whom notes are kept apart.
SELECT pg_advisory_xact_lock($1)
