UPDATE retention_policy SET
  parts_dropped = parts_dropped + $1, rows_dropped = rows_dropped + $2,
  rows_deleted = rows_deleted + $3
