import { COMMON, GROUPS } from './common.js'
import { SERIES } from './ingest.js'
import { script } from './script.js'

/**
 * Removes push groups and series that have expired, some hundreds at most.
 *
 * KEYS: meta, index, due, series, series-due. ARGV: a random id.
 * Returns what `WRITE` returns.
 */
export const PRUNE = script(`
local meta, index, due, series, seriesDue = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local id, digest, ids, oldIds = ARGV[1], '', '', ''
${COMMON}${GROUPS}${SERIES}
removeDue()
if expired > 0 then store('version') end
added = {}
local groups = expired
removeDueSeries()
if expired > groups then store('seriesVersion') end
return answer('d', '')
`)
