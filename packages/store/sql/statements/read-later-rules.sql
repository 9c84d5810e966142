-- What came into force of some rules after a version.
SELECT rule, edition::float8 AS number FROM editions
WHERE rule = ANY ($1::text[]) AND candidate IS NULL AND edition > $2
UNION ALL
SELECT rule, version::float8 FROM promotions WHERE rule = ANY ($1::text[]) AND version > $2
ORDER BY 2, 1
LIMIT 1
