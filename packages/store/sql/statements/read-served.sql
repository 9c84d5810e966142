SELECT
  false AS computed, rule, edition,
  (extract(epoch FROM lower(range)) * 1000000)::bigint AS from_us,
  (extract(epoch FROM upper(range)) * 1000000)::bigint AS until_us
FROM served
UNION ALL
SELECT
  true, rule, edition,
  (extract(epoch FROM lower(range)) * 1000000)::bigint,
  (extract(epoch FROM upper(range)) * 1000000)::bigint
FROM ranges_to_serve(ARRAY(SELECT DISTINCT rule FROM editions))
ORDER BY computed, rule, from_us NULLS FIRST
