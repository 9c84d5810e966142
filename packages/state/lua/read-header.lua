#!lua flags=no-writes
-- What is committed of one partition beside its pages, and how many fields its hash has: both of
-- the same moment, which two commands could not promise.
--
-- KEYS[1]  the hash of the partition
local key = KEYS[1]
return {
  redis.call('HMGET', key, 'layout', 'log', 'position', 'pages', 'commit'),
  redis.call('HLEN', key),
}
