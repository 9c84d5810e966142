DELETE FROM samples_head WHERE partition = $1 AND time < $2
