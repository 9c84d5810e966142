SELECT DISTINCT partition FROM samples_head WHERE time < $1
