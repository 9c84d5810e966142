#!lua
-- Removes the state of one partition, as long as it is still the one that was looked at.
--
-- KEYS[1]  the hash of the partition
-- ARGV     1 what an earlier call returned; left out: only look
-- Returns  what the state looks like: its type, its number of fields, its header. Every commit
--          makes that another one. Or 'removed'.
local key = KEYS[1]
local kind = redis.call('TYPE', key)['ok']
local look = kind
if kind == 'hash' then
  local header = redis.call('HMGET', key, 'layout', 'log', 'position', 'pages', 'commit')
  look = look .. ' ' .. redis.call('HLEN', key)
  for i = 1, 5 do look = look .. ' ' .. tostring(header[i]) end
end
if ARGV[1] ~= look then return look end
redis.call('UNLINK', key)
return 'removed'
