import { STALE_MARKER, WRITE_TYPES } from '../../shared/metrics/remote-write/request.js'
import type { WrittenSeries } from '../gateway/mirrors/write-request.js'
import { encodeV2, type MessageV2 } from './remote-write-schema.js'

/** A value that stands for a stale marker until the message is encoded. */
const PLACEHOLDER = 1.234567891234e-300
const PLACEHOLDER_BYTES = Buffer.alloc(8)
PLACEHOLDER_BYTES.writeDoubleLE(PLACEHOLDER)
const STALE_BYTES = Buffer.alloc(8)
STALE_BYTES.writeUInt32LE(STALE_MARKER.low, 0)
STALE_BYTES.writeUInt32LE(STALE_MARKER.high, 4)

/** The value of a record of `metrics.writes`. */
export function writtenRecord(list: readonly WrittenSeries[]): Buffer {
  const symbols = ['']
  const ref = (text: string): number => {
    const known = symbols.indexOf(text)
    return known < 0 ? symbols.push(text) - 1 : known
  }
  const timeseries: MessageV2['timeseries'] = list.map(
    ({ labels, samples = [], type = 'unknown', help = '', unit = '' }) => ({
      labelsRefs: Object.entries(labels)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([name, value]) => [ref(name), ref(value)]),
      samples: samples.map(({ time, value }) => ({
        timestamp: time,
        value: value === 'stale' ? PLACEHOLDER : value,
      })),
      metadata: { type: WRITE_TYPES.indexOf(type), helpRef: ref(help), unitRef: ref(unit) },
    }),
  )
  const bytes = encodeV2({ symbols, timeseries })
  for (let at = bytes.indexOf(PLACEHOLDER_BYTES); at >= 0; ) {
    STALE_BYTES.copy(bytes, at)
    at = bytes.indexOf(PLACEHOLDER_BYTES, at + STALE_BYTES.length)
  }
  return bytes
}
