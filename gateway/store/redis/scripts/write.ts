import { COMMON, GROUPS } from './common.js'
import { script } from './script.js'

/**
 * Applies a request to one push group: `put`, `post`, `delete`, `reject`, and `refuse`, which is a
 * push that the gateway found to be inconsistent.
 *
 * KEYS: meta, index, due, ids, ids-old, group.
 * ARGV: id, digest, method, push group, expiry in ms, 1 if checked, expected version of the push
 * group (empty: any; `-`: none), message of `refuse`, then the families: for each the bytes of its
 * name, its type, its number of samples and the bytes of its content; all names; all contents.
 *
 * Returns a code, a message, the time, the figures of the bucket, and how many push groups have
 * expired. Codes: `d` done, `i` inconsistent, `r` id reused, `c` the version is another one.
 */
export const WRITE = script(`
local meta, index, due, ids, oldIds, group = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local id, digest, method, name = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local expiry, checked, expected = tonumber(ARGV[5]), ARGV[6] == '1', ARGV[7]
-- Estimate of what Redis or a gateway needs for a push group and for a family beyond their texts.
local GROUP_BYTES, FAMILY_BYTES = 1200, 400
${COMMON}${GROUPS}
local code, message = findApplied()
if code then return answer(code, message) end
if method ~= 'delete' then needMemory() end

local held = redis.call('HGET', index, name)
if held then
  held = parse(held)
  if held.expires > 0 and held.expires <= now then
    removeFromIndex(name)
    redis.call('UNLINK', group)
    expired = 1
    held = false
  end
end
if expected ~= '' and expected ~= (held and held.version or '-') then
  if expired > 0 then store('version') end
  return answer('c', '')
end
removeDue()

local function save(entry)
  if held then
    added.samples = added.samples - held.samples
    added.bytes = added.bytes - held.bytes
  else
    added.groups = added.groups + 1
  end
  added.samples = added.samples + entry.samples
  added.bytes = added.bytes + entry.bytes
  redis.call('HSET', index, name, table.concat({
    int(entry.pushed), int(entry.failed), int(entry.expires), int(entry.samples), int(entry.bytes),
    held and held.since or micros, version
  }, ' '))
end

local function setExpiry(expires)
  if expires > 0 then
    redis.call('ZADD', due, int(expires), name)
    redis.call('PEXPIREAT', group, int(expires))
  else
    redis.call('ZREM', due, name)
    redis.call('PERSIST', group)
  end
end

local function headerOf(family)
  local value = redis.call('HGET', group, family)
  if not value then return '' end
  local pushed, kind, samples = string.match(value, '^(%d+) (%d) (%d+) ')
  return kind, tonumber(samples), #value
end

local families, pushed = {}, {}
do
  local nameAt, contentAt = 1, 1
  for nameBytes, kind, samples, bytes in string.gmatch(ARGV[9] or '', '(%d+) (%d) (%d+) (%d+)') do
    local family = string.sub(ARGV[10], nameAt, nameAt + nameBytes - 1)
    local content = string.sub(ARGV[11], contentAt, contentAt + bytes - 1)
    nameAt, contentAt = nameAt + nameBytes, contentAt + bytes
    families[#families + 1] = { name = family, kind = kind, samples = samples, content = content }
    pushed[family] = true
  end
end

-- Of the families that stay, none may have the sample names of a pushed one, and vice versa.
local NAMES = { ['3'] = 'histogram', ['4'] = 'summary' }
local SUFFIXES = { ['3'] = { '_sum', '_count', '_bucket' }, ['4'] = { '_sum', '_count' } }
local function collision()
  for i, item in ipairs(families) do
    local family, kind = item.name, item.kind
    for j, suffix in ipairs(SUFFIXES[kind] or {}) do
      local other = family .. suffix
      if not pushed[other] and redis.call('HEXISTS', group, other) == 1 then
        return 'collected ' .. NAMES[kind] .. ' named "' .. family ..
          '" collides with previously collected metric named "' .. other .. '"'
      end
    end
    local base, suffix = string.match(family, '^(.+)(_[a-z]+)$')
    if base and not pushed[base] then
      local baseKind = headerOf(base)
      for j, candidate in ipairs(SUFFIXES[baseKind] or {}) do
        if candidate == suffix then
          return 'collected metric named "' .. family .. '" collides with previously collected ' ..
            NAMES[baseKind] .. ' named "' .. base .. '"'
        end
      end
    end
  end
end

if method == 'delete' then
  -- Also if there is no such push group: the first write must be one that needs no memory.
  redis.call('UNLINK', group)
  if held then removeFromIndex(name) end
  remember('d', '')
  store('version')
  return answer('d', '')
end

code, message = 'd', ''
if method == 'refuse' then
  code, message = 'i', ARGV[8]
elseif method == 'post' and checked and held then
  local problem = collision()
  if problem then code, message = 'i', problem end
end

if method == 'reject' or code == 'i' then
  local entry = held and {
    pushed = held.pushed, expires = held.expires, samples = held.samples, bytes = held.bytes
  } or { pushed = 0, expires = expiry > 0 and now + expiry or 0, samples = 0, bytes = GROUP_BYTES + 2 * #name }
  entry.failed = now
  save(entry)
  if not held then setExpiry(entry.expires) end
  remember(code, message)
  store('version')
  return answer(code, message)
end

local samples, bytes = 0, GROUP_BYTES + 2 * #name
if method == 'put' then
  redis.call('DEL', group)
elseif held then
  samples, bytes = held.samples, held.bytes
end
for i, item in ipairs(families) do
  local family = item.name
  local value = int(now) .. ' ' .. item.kind .. ' ' .. item.samples .. ' ' .. item.content
  if method ~= 'put' and held then
    local oldKind, oldSamples, oldBytes = headerOf(family)
    if oldKind ~= '' then
      samples = samples - oldSamples
      bytes = bytes - oldBytes - #family - FAMILY_BYTES
    end
  end
  redis.call('HSET', group, family, value)
  samples = samples + item.samples
  bytes = bytes + #value + #family + FAMILY_BYTES
end
local expires = expiry > 0 and now + expiry or 0
save({ pushed = now, failed = held and held.failed or 0, expires = expires, samples = samples, bytes = bytes })
setExpiry(expires)
remember('d', '')
store('version')
return answer('d', '')
`)
