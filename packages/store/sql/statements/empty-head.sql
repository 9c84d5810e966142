DELETE FROM samples_head WHERE partition = $1
