#!lua
-- Commits changed pages and the position of one partition: all of it or nothing.
--
-- KEYS[1]  the hash of the partition (its fields: see redis-layout.ts)
-- ARGV     1 layout, 2 expected log id or '', 3 expected position, 4 next log id, 5 next position,
--          6 a random id of this commit, 7 the id of the expected one or '', 8 how many of the
--          further ones are field, value, field, value ...; the rest are fields to remove
-- Returns  'committed'; 'outrun' when the state is another one than expected; 'suspect' when the
--          hash is not as a commit leaves it. Only 'committed' has changed anything.
--
-- The first line makes Redis 7 refuse the script before it begins where it could not write
-- everything: on a replica, without memory, with a disk that fails.

local HEADER_FIELDS = 5
-- unpack puts everything on Lua's stack, which ends below 8,000.
local CHUNK = 4000

local key = KEYS[1]
local layout, expected_log, expected_position = ARGV[1], ARGV[2], ARGV[3]
local expected_commit = ARGV[7]
local put_count = tonumber(ARGV[8])
local first_put = 9
local first_removal = first_put + put_count

local header = redis.call('HMGET', key, 'layout', 'log', 'position', 'pages', 'commit')
local fields = redis.call('HLEN', key)
local known = 0
for i = 1, HEADER_FIELDS do
  if header[i] then known = known + 1 end
end

local pages = 0
if known == 0 then
  if fields > 0 then return 'suspect' end
  if expected_log ~= '' then return 'outrun' end
else
  pages = tonumber(header[4])
  if known < HEADER_FIELDS or header[1] ~= layout or fields ~= pages + HEADER_FIELDS then
    return 'suspect'
  end
  if header[2] ~= expected_log or header[3] ~= expected_position then return 'outrun' end
  if expected_commit ~= '' and header[5] ~= expected_commit then return 'outrun' end
end

-- INVARIANT: nothing below can fail. If it did all the same, Redis would keep what was written
-- so far; without a position that is refused by whoever reads it, and never taken for a state.
redis.call('HDEL', key, 'position')
for from = first_put, first_removal - 1, CHUNK do
  local to = math.min(from + CHUNK, first_removal) - 1
  pages = pages + redis.call('HSET', key, unpack(ARGV, from, to))
end
for from = first_removal, #ARGV, CHUNK do
  local to = math.min(from + CHUNK - 1, #ARGV)
  pages = pages - redis.call('HDEL', key, unpack(ARGV, from, to))
end
redis.call('HSET', key, 'layout', layout, 'log', ARGV[4], 'pages', string.format('%d', pages),
  'commit', ARGV[6], 'position', ARGV[5])
return 'committed'
