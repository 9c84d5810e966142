COPY (SELECT tenant, metric, type, unit, help FROM metadata) TO STDOUT (FORMAT binary)
