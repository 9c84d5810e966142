DELETE FROM series_definitions WHERE series_id = $1 AND first_seen = $2 AND last_seen = $3
