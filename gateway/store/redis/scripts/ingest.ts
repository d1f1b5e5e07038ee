import { COMMON } from './common.js'
import { script } from './script.js'

/** Removal of ingested series. A script names its keys `series` and `seriesDue`. */
export const SERIES = `
-- Estimate of what Redis needs for a series beyond its texts.
local SERIES_BYTES = 150
added.seriesBytes = 0
local function removeDueSeries()
  for i, name in ipairs(redis.call('ZRANGEBYSCORE', seriesDue, '-inf', int(now), 'LIMIT', 0, 1000)) do
    local bytes = redis.call('HSTRLEN', series, name)
    redis.call('ZREM', seriesDue, name)
    if redis.call('HDEL', series, name) == 1 then
      added.series = (added.series or 0) - 1
      added.seriesBytes = (added.seriesBytes or 0) - bytes - 2 * #name - SERIES_BYTES
      expired = expired + 1
    end
  end
end
`

/**
 * Stores series one by one, each with its own expiry.
 *
 * KEYS: meta, ids, ids-old, series, series-due.
 * ARGV: id, digest, expiry in ms, then for each series its text and its content.
 * Returns what `WRITE` returns.
 */
export const INGEST = script(`
local meta, ids, oldIds, series, seriesDue = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local id, digest, expiry = ARGV[1], ARGV[2], tonumber(ARGV[3])
${COMMON}${SERIES}
local code, message = findApplied()
if code then return answer(code, message) end
needMemory()
removeDueSeries()
local expires = expiry > 0 and now + expiry or 0
local header = int(now) .. ' ' .. int(expires) .. ' '
for i = 4, #ARGV, 2 do
  local name, value = ARGV[i], header .. ARGV[i + 1]
  local bytes = redis.call('HSTRLEN', series, name)
  if bytes == 0 then
    added.series = added.series + 1
    added.seriesBytes = added.seriesBytes + 2 * #name + SERIES_BYTES
  end
  added.seriesBytes = added.seriesBytes + #value - bytes
  redis.call('HSET', series, name, value)
  if expires > 0 then redis.call('ZADD', seriesDue, int(expires), name)
  else redis.call('ZREM', seriesDue, name) end
end
remember('d', '')
store('seriesVersion')
return answer('d', '')
`)

/**
 * Remembers an id whose request is divided among buckets, so that it is refused with another body.
 *
 * KEYS: meta, ids, ids-old. ARGV: id, digest. Returns what `WRITE` returns.
 */
export const CLAIM = script(`
local meta, ids, oldIds = KEYS[1], KEYS[2], KEYS[3]
local id, digest = ARGV[1], ARGV[2]
${COMMON}
local code, message = findApplied()
if not code then
  code, message = 'd', ''
  remember(code, message)
end
return answer(code, message)
`)
