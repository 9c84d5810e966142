-- What the logs that the store goes on with have lost, by partition.
SELECT totals.partition, totals.log_id, sum(totals.lost)::bigint AS samples
FROM ledger_totals AS totals
JOIN positions AS live ON live.partition = totals.partition AND live.source = totals.source
  AND live.log_id = totals.log_id
WHERE totals.source = 'live' AND live.open
GROUP BY totals.partition, totals.log_id
HAVING sum(totals.lost) > 0
ORDER BY totals.partition
