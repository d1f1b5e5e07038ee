import { FIXED64, keyOf, VARINT, type WireReader } from '../protobuf/wire.js'
import type { RequestColumns } from './columns.js'
import { isTime, TIME_BYTES, timeOf } from './times.js'

export const VALUE = keyOf(1, FIXED64)
export const TIMESTAMP = keyOf(2, VARINT)
const START_TIMESTAMP = keyOf(3, VARINT)
/** Offset of the time behind a value, in bytes. */
const TIME_AT = 10
/** The fields above. */
const KNOWN = 0b1110

/**
 * Reads a sample. In protocol 1.0 it has no start timestamp; a field of that number is one all the
 * same, since it is passed on.
 */
export function readSample(
  wire: WireReader,
  from: number,
  to: number,
  columns: RequestColumns,
): void {
  const { bytes } = wire
  const at = from + TIME_AT
  // What senders write: a value and a recent time.
  if (at + TIME_BYTES === to && bytes[from] === VALUE && bytes[at - 1] === TIMESTAMP) {
    const low = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
    const high = bytes[at + 4] | (bytes[at + 5] << 8)
    if (isTime(low, high)) {
      columns.addSample(from + 1, timeOf(low, high), from, to)
      return
    }
  }
  let valueAt = -1
  let time = 0
  wire.at = from
  for (let key = wire.key(to); key !== 0; key = wire.key(to)) {
    if (key === VALUE) {
      valueAt = wire.at
      wire.double(to)
    } else if (key === TIMESTAMP) time = wire.int64(to)
    else if (key === START_TIMESTAMP) wire.int64(to)
    else wire.skip(key, to, KNOWN)
  }
  columns.addSample(valueAt, time, from, to)
}
