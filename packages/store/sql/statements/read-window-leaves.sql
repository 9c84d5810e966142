SELECT leaf, blocks::integer AS blocks FROM window_leaves() ORDER BY leaf
