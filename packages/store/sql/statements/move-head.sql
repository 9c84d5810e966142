-- Locks the head of a partition; no row when somebody has changed it since it was read.
UPDATE samples_head_versions SET version = $3 WHERE partition = $1 AND version = $2
