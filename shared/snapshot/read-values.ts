import type { BytesReader } from './bytes-reader.js'
import { RefusedError } from './errors.js'

const wrongCount = (expected: number) =>
  new RefusedError(
    'layout',
    `the record does not have one value for each of the ${expected} series of its layout; write both in one pass`,
  )

/**
 * Blocks of `long | double`. An item has at least two bytes, so the remaining bytes bound the
 * count.
 */
export function readNumbers(
  input: BytesReader,
  expected: number,
  into?: Float64Array,
): Float64Array {
  if (expected * 2 > input.remaining) throw wrongCount(expected)
  const values = into?.length === expected ? into : new Float64Array(expected)
  let at = 0
  for (;;) {
    const count = input.count(Number.MAX_SAFE_INTEGER, 0, 2, 'values')
    if (count === 0) break
    if (count > expected - at) throw wrongCount(expected)
    readBlock(input, values, at, count)
    at += count
  }
  if (at !== expected) throw wrongCount(expected)
  return values
}

const doubleView = new Float64Array(1)
const doubleBytes = new Uint8Array(doubleView.buffer)

/**
 * The loop over all samples. Most are longs of up to four bytes, which are decoded here without a
 * call. A read beyond the end gives undefined, so `anyLong` or the check of doubles refuses the
 * record.
 */
function readBlock(input: BytesReader, values: Float64Array, start: number, count: number): void {
  const { buffer } = input
  const size = buffer.length
  let position = input.position
  for (let i = start; i < start + count; i++) {
    // Enough bytes for a tag and a double, so that reads stay in bounds and typed.
    if (position + 9 <= size) {
      const tag = buffer[position]
      if (tag === 0) {
        const a = buffer[position + 1]
        if (a < 0x80) {
          values[i] = (a >>> 1) ^ -(a & 1)
          position += 2
          continue
        }
        const b = buffer[position + 2]
        let z = (a & 0x7f) | ((b & 0x7f) << 7)
        if (b < 0x80) {
          values[i] = (z >>> 1) ^ -(z & 1)
          position += 3
          continue
        }
        const c = buffer[position + 3]
        z |= (c & 0x7f) << 14
        if (c < 0x80) {
          values[i] = (z >>> 1) ^ -(z & 1)
          position += 4
          continue
        }
        const d = buffer[position + 4]
        z |= (d & 0x7f) << 21
        if (d < 0x80) {
          values[i] = (z >>> 1) ^ -(z & 1)
          position += 5
          continue
        }
      } else if (tag === 2) {
        doubleBytes[0] = buffer[position + 1]
        doubleBytes[1] = buffer[position + 2]
        doubleBytes[2] = buffer[position + 3]
        doubleBytes[3] = buffer[position + 4]
        doubleBytes[4] = buffer[position + 5]
        doubleBytes[5] = buffer[position + 6]
        doubleBytes[6] = buffer[position + 7]
        doubleBytes[7] = buffer[position + 8]
        values[i] = doubleView[0]
        position += 9
        continue
      }
    }
    input.position = position
    values[i] = readNumber(input)
    position = input.position
  }
  input.position = position
}

function readNumber(input: BytesReader): number {
  const branch = input.long()
  if (branch === 0) return input.anyLong()
  if (branch === 1) return input.double()
  throw new RefusedError(
    'truncated',
    'a value is neither long nor double; write union branch 0 or 1 before it',
  )
}

export function readLongs(input: BytesReader, expected: number): Float64Array {
  if (expected > input.remaining) throw wrongCount(expected)
  const longs = new Float64Array(expected)
  let at = 0
  for (;;) {
    const count = input.count(Number.MAX_SAFE_INTEGER, 0, 1, 'timestamps')
    if (count === 0) break
    if (count > expected - at) throw wrongCount(expected)
    for (const end = at + count; at < end; at++) longs[at] = input.long()
  }
  if (at !== expected) throw wrongCount(expected)
  return longs
}
