INSERT INTO edition_ends (edition, log_id, partition, position, until_time)
SELECT edition, $4, $5, position, until_time
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS given(edition, position, until_time)
ORDER BY edition
ON CONFLICT (edition, log_id, partition) DO NOTHING
