import { type Collector, family, type HostFiles, type SystemFacts } from '../collector.js'
import { fieldsOf } from '../parse.js'
import { abbreviationOf } from './time/zone.js'

const NOW = family('node_time_seconds', 'gauge', 'System time in seconds since epoch (1970).')
const ZONE = family(
  'node_time_zone_offset_seconds',
  'gauge',
  'System time zone offset in seconds.',
  ['time_zone'],
)
const AVAILABLE = family(
  'node_time_clocksource_available_info',
  'gauge',
  "Available clocksources read from '/sys/devices/system/clocksource'.",
  ['device', 'clocksource'],
)
const CURRENT = family(
  'node_time_clocksource_current_info',
  'gauge',
  "Current clocksource read from '/sys/devices/system/clocksource'.",
  ['device', 'clocksource'],
)

const ROOT = 'devices/system/clocksource'

export function time({ now, zoneOffset, zoneName }: SystemFacts): Collector {
  let offset: number | null = null
  let abbreviation = ''
  return (files, sink) => {
    const unixMs = now()
    sink.put(NOW, unixMs / 1000)
    const current = zoneOffset(unixMs)
    if (current !== offset) {
      abbreviation = abbreviationAt(files, zoneName, current)
      offset = current
    }
    sink.put(ZONE, current, abbreviation)
    const sources = files.sysFolder(ROOT).filter(name => /^clocksource[0-9]/.test(name))
    sources.forEach((source, i) => {
      const device = String(i)
      for (const available of fieldsOf(files.sys(`${ROOT}/${source}/available_clocksource`).trim()))
        sink.put(AVAILABLE, 1, device, available)
      const used = files.sys(`${ROOT}/${source}/current_clocksource`).trim()
      sink.put(CURRENT, 1, device, used)
    })
  }
}

/** As in the database of time zones; without it the offset, as zones without a name have it. */
function abbreviationAt(files: HostFiles, zone: string | null, offset: number): string {
  if (zone === '' || zone === 'UTC') return 'UTC'
  try {
    const name = abbreviationOf(files.zone(zone), offset)
    if (name !== null) return name
  } catch {}
  if (offset === 0) return 'UTC'
  const minutes = Math.floor(Math.abs(offset) / 60)
  const digits = [Math.floor(minutes / 60), minutes % 60].map(part => String(part).padStart(2, '0'))
  return `${offset < 0 ? '-' : '+'}${minutes % 60 === 0 ? digits[0] : digits.join('')}`
}
