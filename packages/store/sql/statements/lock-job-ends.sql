-- The ends of one candidate's jobs are noted one after the other: the last has to see all others.
SELECT pg_advisory_xact_lock(hashtextextended('job_ends', $1::bigint))
