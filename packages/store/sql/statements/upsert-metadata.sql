INSERT INTO metadata AS known (tenant, metric, type, unit, help)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
ON CONFLICT (tenant, metric) DO UPDATE SET
  type = excluded.type, unit = excluded.unit, help = excluded.help
WHERE (known.type, known.unit, known.help) IS DISTINCT FROM
  (excluded.type, excluded.unit, excluded.help)
