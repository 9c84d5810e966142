SELECT count(*)::integer AS count FROM histograms WHERE series_id = $1 AND time = $2
