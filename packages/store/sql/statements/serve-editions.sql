-- A rule without a predecessor is served at once and for all times.
INSERT INTO served (rule, range, edition)
SELECT rule, '(,)', min(edition)
FROM unnest($1::text[], $2::bigint[]) AS given(rule, edition)
WHERE NOT EXISTS (SELECT FROM served WHERE served.rule = given.rule)
GROUP BY rule
ORDER BY rule
ON CONFLICT (rule, range) DO NOTHING
