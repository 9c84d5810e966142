-- One writer at a time looks what is to be served of these rules.
SELECT edition FROM editions WHERE rule = ANY ($1::text[]) ORDER BY edition FOR UPDATE
