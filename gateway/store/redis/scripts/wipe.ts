import { COMMON, GROUPS } from './common.js'
import { script } from './script.js'

/**
 * Removes push groups, and with the last ones of the bucket the ingested series.
 *
 * KEYS: meta, index, due, ids, ids-old, series, series-due, then the push groups.
 * ARGV: id, digest, 1 if these are the last push groups, then the names of the push groups.
 * Returns what `WRITE` returns.
 */
export const WIPE = script(`
local meta, index, due, ids, oldIds, series, seriesDue =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local id, digest, last = ARGV[1], ARGV[2], ARGV[3] == '1'
${COMMON}${GROUPS}
local code, message = findApplied()
if code then return answer(code, message) end
for i = 8, #KEYS do
  removeFromIndex(ARGV[i - 4])
  redis.call('UNLINK', KEYS[i])
end
if last then
  redis.call('UNLINK', series, seriesDue)
  local held = redis.call('HMGET', meta, 'series', 'seriesBytes')
  added.series = -tonumber(held[1] or 0)
  added.seriesBytes = -tonumber(held[2] or 0)
  redis.call('HSET', meta, 'seriesVersion', version, 'wiped', version)
  remember('d', '')
end
store('version')
return answer('d', '')
`)
