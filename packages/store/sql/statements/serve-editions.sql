INSERT INTO served (rule, range, edition)
SELECT rule, range, edition FROM ranges_to_serve($1::text[])
ORDER BY rule, edition
ON CONFLICT (rule, range) DO NOTHING
