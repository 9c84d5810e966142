SELECT
  table_name, (extract(epoch FROM width) * 1000000)::bigint AS width_us, edition, tenant, others,
  (extract(epoch FROM before) * 1000000)::bigint AS before_us
FROM expired
