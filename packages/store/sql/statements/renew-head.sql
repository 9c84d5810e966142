-- Locks the head of a partition, whatever is in it; nobody believes any more to know that.
UPDATE samples_head_versions SET version = $2 WHERE partition = $1
