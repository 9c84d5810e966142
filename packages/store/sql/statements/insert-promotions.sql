INSERT INTO promotions (rule, version, edition, from_time)
SELECT rule, $1, edition, from_time
FROM unnest($2::text[], $3::bigint[], $4::timestamptz[]) AS given(rule, edition, from_time)
ORDER BY rule
