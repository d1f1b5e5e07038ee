import { runNow, type Steps } from '../steps.js'
import { Elements } from './elements.js'
import { malformed, tooLarge } from './error.js'

/** Output per step, bytes. A step takes well under a millisecond. */
const STEP_BYTES = 256 * 1024

/** Maximum expansion of elements: a copy element of three bytes produces 64 bytes. */
const EXPANSION = 64 / 3

/** The declared output length of a block, and the offset of its first element. */
export interface BlockHeader {
  readonly length: number
  readonly elements: number
}

/**
 * Reads the output length that a block declares between `from` (inclusive) and `to` (exclusive). A
 * length that the remaining bytes cannot produce is refused, so that the allocation of a caller is
 * bounded by the size of the input too.
 *
 * @throws SnappyError
 */
export function readBlockHeader(
  input: Uint8Array,
  from: number,
  to: number,
  limit: number,
): BlockHeader {
  let length = 0
  let scale = 1
  for (let at = from; ; at++) {
    if (at >= to) throw malformed('the data ends within the length at its beginning')
    const byte = input[at]
    // Five bytes hold 32 bits. More bytes are a larger number or an overlong encoding.
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
 * Decompresses the snappy block format, which remote write uses. For the framing format see
 * `framed.ts`.
 *
 * @param limit maximum output, bytes. A larger declared length is refused before allocation.
 * @throws SnappyError
 */
export function decodeSnappyBlock(input: Uint8Array, limit: number): Buffer {
  return runNow(snappyBlockSteps(input, limit))
}

/** As `decodeSnappyBlock`, in steps. */
export function* snappyBlockSteps(input: Uint8Array, limit: number): Steps<Buffer> {
  const { length, elements } = readBlockHeader(input, 0, input.length, limit)
  // Not from the buffer pool: a small output would keep 8 KiB alive. It is returned only when full.
  const output = Buffer.allocUnsafeSlow(length)
  const block = new Elements(input, elements, input.length, output, 0, length)
  while (!block.advance(STEP_BYTES)) yield
  return output
}
