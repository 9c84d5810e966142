DELETE FROM retention_sweeps WHERE to_regclass(leaf) IS NULL
