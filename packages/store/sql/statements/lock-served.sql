-- One writer at a time looks whether every partition has begun an edition of these rules.
SELECT range FROM served WHERE rule = ANY ($1::text[]) ORDER BY rule, range FOR UPDATE
