import type { Steps } from '../steps.js'
import { readBlockHeader } from './block.js'
import { Elements } from './elements.js'
import { malformed, tooLarge } from './error.js'

const MAGIC = Buffer.from('\x82SNAPPY\0', 'latin1')
/** Magic, version and compatible version. */
const HEADER_BYTES = 16
/** Length of a block, big-endian. */
const LENGTH_BYTES = 4
/** Output per step, bytes. A step takes well under a millisecond. */
const STEP_BYTES = 256 * 1024
/** Blocks per step. Blocks without data cost little. */
const BLOCKS_PER_STEP = 1024

/** Decompressed length of a block, and the range of its elements. */
interface Block {
  readonly length: number
  readonly from: number
  readonly to: number
}

/**
 * Decompresses what Kafka calls snappy, in steps: the framing of snappy-java, or a single block,
 * which librdkafka and others write.
 *
 * @param limit maximum output, bytes. The lengths in all blocks are added up before allocation.
 * @throws SnappyError
 * @see https://github.com/xerial/snappy-java, SnappyOutputStream
 */
export function* snappyJavaSteps(input: Uint8Array, limit: number): Steps<Buffer> {
  const blocks = () =>
    startsWithMagic(input, 0) ? framedBlocks(input, limit) : [wholeBlock(input, limit)]
  let length = 0
  let count = 0
  for (const block of blocks()) {
    length += block.length
    if (length > limit) throw tooLarge(length, limit)
    if (++count % BLOCKS_PER_STEP === 0) yield
  }
  const output = Buffer.allocUnsafeSlow(length)
  let written = 0
  let inStep = 0
  for (const { length, from, to } of blocks()) {
    const elements = new Elements(input, from, to, output, written, written + length)
    while (!elements.advance(STEP_BYTES)) yield
    written += length
    inStep += length + STEP_BYTES / BLOCKS_PER_STEP
    if (inStep < STEP_BYTES) continue
    inStep = 0
    yield
  }
  return output
}

function wholeBlock(input: Uint8Array, limit: number): Block {
  const { length, elements } = readBlockHeader(input, 0, input.length, limit)
  return { length, from: elements, to: input.length }
}

/** Reads only the headers. A stream may follow another one. */
function* framedBlocks(input: Uint8Array, limit: number): Generator<Block> {
  let at = 0
  while (at < input.length) {
    if (startsWithMagic(input, at)) {
      at += HEADER_BYTES
      continue
    }
    const from = at + LENGTH_BYTES
    if (from > input.length) throw malformed(`the data ends within the length at byte ${at}`)
    const bytes =
      ((input[at] << 24) | (input[at + 1] << 16) | (input[at + 2] << 8) | input[at + 3]) >>> 0
    const to = from + bytes
    if (to > input.length) throw malformed(`the data ends within the block at byte ${at}`)
    const { length, elements } = readBlockHeader(input, from, to, limit)
    yield { length, from: elements, to }
    at = to
  }
  if (at > input.length) throw malformed('the data ends within the header of a stream')
}

function startsWithMagic(input: Uint8Array, at: number): boolean {
  return MAGIC.equals(input.subarray(at, at + MAGIC.length))
}
