COPY series_definitions (
  series_id, fingerprint_check, tenant, metric, labels, kind, first_seen, last_seen
) FROM STDIN (FORMAT binary)
