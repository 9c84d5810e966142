UPDATE dead_letters AS letter SET redriven_at = now(), redrive_token = given.token
FROM unnest($1::bigint[], $2::text[]) AS given(id, token)
WHERE letter.id = given.id AND letter.redriven_at IS NULL
RETURNING letter.log_id, letter.partition, letter.source, letter.tenant, letter.reason,
  letter.entry
