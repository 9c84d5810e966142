DELETE FROM promotions WHERE version = $1
