import { runNow, type Steps } from '../steps.js'
import { Elements } from './elements.js'
import { malformed, tooLarge } from './error.js'

/** Bytes of output between two steps: well under a millisecond. */
const STEP_BYTES = 256 * 1024

/** The most that elements can expand: a copy of three bytes makes 64. */
const EXPANSION = 64 / 3

/** Declared length of a block's output, and where its elements begin. */
export interface BlockHeader {
  readonly length: number
  readonly elements: number
}

/**
 * Reads the length that a block declares, from `from`, below `to`. A length that the bytes behind
 * it cannot produce is refused, so that what a caller allocates is bounded by what was sent as
 * well.
 *
 * @throws SnappyError
 */
export function readBlockHeader(input: Uint8Array, from: number, to: number, limit: number): BlockHeader {
  let length = 0
  let scale = 1
  for (let at = from; ; at++) {
    if (at >= to) throw malformed('the data ends within the length at its beginning')
    const byte = input[at]
    // Five bytes hold 32 bits: more is either a larger number or an overlong spelling.
    if (at - from === 4 && byte > 15) throw malformed('the length at the beginning exceeds 32 bits')
    length += (byte & 0x7f) * scale
    scale *= 128
    if (byte >= 0x80) continue
    if (length > limit) throw tooLarge(length, limit)
    const left = to - at - 1
    if (length > left * EXPANSION)
      throw malformed(`${left} bytes cannot decompress to the declared ${length}`)
    return { length, elements: at + 1 }
  }
}

/**
 * Decompresses the snappy block format, which remote write uses. The framing format is another: see
 * `framed.ts`.
 *
 * @param limit bytes of output; a larger declared length is refused before anything is allocated
 * @throws SnappyError
 */
export function decodeSnappyBlock(input: Uint8Array, limit: number): Buffer {
  return runNow(snappyBlockSteps(input, limit))
}

/** As `decodeSnappyBlock`, in steps. */
export function* snappyBlockSteps(input: Uint8Array, limit: number): Steps<Buffer> {
  const { length, elements } = readBlockHeader(input, 0, input.length, limit)
  // Not from the pool, of which each slice keeps 8 KiB alive. It is filled, or not returned.
  const output = Buffer.allocUnsafeSlow(length)
  const block = new Elements(input, elements, input.length, output, 0, length)
  while (!block.advance(STEP_BYTES)) yield
  return output
}
