import { script } from './script.js'

/**
 * Reads what has changed in a bucket.
 *
 * KEYS: meta, index, due, series-due. ARGV: the version that the reader has.
 * Returns the time, the version, the figures of the push groups, the version, number and bytes of
 * the ingested series, the version of the last wipe, 1 if something has expired,
 * and the index if the version is another one.
 */
export const READ_BUCKET = script(`
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local m = redis.call('HMGET', KEYS[1],
  'version', 'groups', 'samples', 'bytes', 'seriesVersion', 'series', 'seriesBytes', 'wiped')
local version = m[1] or ''
local function isDue(key)
  return #redis.call('ZRANGEBYSCORE', key, '-inf', string.format('%.0f', now), 'LIMIT', 0, 1) > 0
end
return {
  now, version, tonumber(m[2] or 0), tonumber(m[3] or 0), tonumber(m[4] or 0),
  m[5] or '', tonumber(m[6] or 0), tonumber(m[7] or 0), m[8] or '', (isDue(KEYS[3]) or isDue(KEYS[4])) and 1 or 0,
  version ~= ARGV[1] and redis.call('HGETALL', KEYS[2]) or false
}
`)

/**
 * Reads push groups, each at one moment.
 *
 * KEYS: index, then the push groups. ARGV: the names of the push groups.
 * Returns for each its entry in the index (null if there is none), and its families.
 */
export const READ_GROUPS = script(`
local found = {}
for i = 2, #KEYS do
  found[i - 1] = { redis.call('HGET', KEYS[1], ARGV[i - 1]), redis.call('HGETALL', KEYS[i]) }
end
return found
`)
