-- Of those that were dropped an hour ago, no transaction that did not know it is under way any more.
SELECT
  count(*)::integer AS unfreed,
  coalesce(array_agg(edition) FILTER (WHERE dropped_at < now() - interval '1 hour'), '{}') AS settled
FROM editions WHERE dropped AND NOT freed
