-- Of those that were dropped an hour ago no transaction is under way that did not know it.
SELECT
  count(*)::integer AS unfreed,
  coalesce(
    array_agg(edition) FILTER (WHERE dropped_at < now() - interval '1 hour'), '{}'
  ) AS settled
FROM editions WHERE dropped AND NOT freed
