DELETE FROM served
WHERE rule = ANY ($1::text[]) AND NOT EXISTS (
  SELECT FROM ranges_to_serve($1::text[]) AS wanted
  WHERE wanted.rule = served.rule AND wanted.range = served.range
    AND wanted.edition = served.edition
)
