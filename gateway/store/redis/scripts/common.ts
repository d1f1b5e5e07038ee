/**
 * What the scripts of requests share: the time of the server, the figures of the bucket, and
 * requests that were applied before.
 *
 * A script names its keys `meta`, `ids` and `oldIds`, its request id `id` and the digest of its
 * request `digest`. Numbers become text by `int`: Lua writes large ones as `1.76e+12`.
 */
export const COMMON = `
local int = function(n) return string.format('%.0f', n) end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local micros = int(clock[1] * 1000000 + clock[2])
-- Never equal for two writes, also not after a failover to a replica that lacks the latest ones.
local version = micros .. '-' .. string.gsub(string.sub(id, 1, 8), '.', function(c)
  return string.format('%02x', string.byte(c))
end)

local added = { groups = 0, samples = 0, bytes = 0, series = 0 }
local expired = 0

-- Ids are kept for 10 minutes, in two generations, so that old ones are removed at once.
local function findApplied()
  for i, key in ipairs({ ids, oldIds }) do
    local entry = redis.call('HGET', key, id)
    if entry and now - tonumber(string.sub(entry, 1, 13)) < 600000 then
      if string.sub(entry, 14, 29) ~= digest then return 'r', '' end
      return string.sub(entry, 30, 30), string.sub(entry, 31)
    end
  end
end

-- Redis refuses a script whose first write needs memory when it has none. Later it cannot.
local function needMemory()
  redis.call('HINCRBY', meta, 'bytes', 0)
end

local function remember(code, message)
  local since = redis.call('HGET', ids, '')
  if since and (now - since >= 600000 or redis.call('HLEN', ids) > 4096) then
    redis.call('RENAME', ids, oldIds)
    redis.call('PEXPIRE', oldIds, 600000)
    since = false
  end
  if not since then
    redis.call('HSET', ids, '', int(now))
    redis.call('PEXPIRE', ids, 1200000)
  end
  redis.call('HSET', ids, id, string.format('%013.0f', now) .. digest .. code .. message)
end

local function figures()
  local held = redis.call('HMGET', meta, 'groups', 'samples', 'bytes', 'series', 'seriesBytes')
  for i = 1, 5 do held[i] = tonumber(held[i] or 0) end
  return held[1], held[2], held[3] + held[5], held[4]
end

local function answer(code, message)
  local groups, samples, bytes, series = figures()
  return { code, message, now, groups, samples, bytes, series, expired }
end

local function store(field)
  for name, n in pairs(added) do
    if n ~= 0 then redis.call('HINCRBY', meta, name, int(n)) end
  end
  redis.call('HSET', meta, field, version)
end
`

/** Removal of push groups from the index. A script names its keys `index` and `due`. */
export const GROUPS = `
local function parse(entry)
  local pushed, failed, expires, samples, bytes, since, v =
    string.match(entry, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+)$')
  return {
    pushed = tonumber(pushed), failed = tonumber(failed), expires = tonumber(expires),
    samples = tonumber(samples), bytes = tonumber(bytes), since = since, version = v,
  }
end

local function removeFromIndex(name)
  local entry = redis.call('HGET', index, name)
  redis.call('ZREM', due, name)
  if not entry then return false end
  entry = parse(entry)
  redis.call('HDEL', index, name)
  added.groups = added.groups - 1
  added.samples = added.samples - entry.samples
  added.bytes = added.bytes - entry.bytes
  return true
end

-- The keys of these push groups expire by themselves.
local function removeDue()
  for i, name in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', int(now), 'LIMIT', 0, 100)) do
    if removeFromIndex(name) then expired = expired + 1 end
  end
end
`
