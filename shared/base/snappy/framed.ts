import { crc32c } from '../crc32c.js'
import { runNow, type Steps } from '../steps.js'
import { readBlockHeader } from './block.js'
import { Elements } from './elements.js'
import { malformed, tooLarge } from './error.js'

const IDENTIFIER = 0xff
const COMPRESSED = 0x00
const UNCOMPRESSED = 0x01
const FIRST_SKIPPABLE = 0x80

const HEADER_BYTES = 4
const CHECKSUM_BYTES = 4
const MAGIC = Buffer.from('sNaPpY', 'latin1')
/** Maximum uncompressed size of a chunk, bytes. */
const CHUNK_BYTES = 65_536
/** Chunks per step. Chunks without data cost little. */
const CHUNKS_PER_STEP = 16

/** A chunk that contains data. */
interface Chunk {
  readonly compressed: boolean
  /** Start (inclusive) and end (exclusive) of the elements or uncompressed bytes. */
  readonly from: number
  readonly to: number
  /** Output length, bytes. */
  readonly length: number
  /** Masked CRC-32C of the output. */
  readonly checksum: number
}

/**
 * Decompresses the snappy framing format, which Pushgateway accepts as `Content-Encoding: snappy`.
 * For the block format see `block.ts`. The checksum of every chunk is verified. An empty input is
 * valid and has an empty output, as in Pushgateway.
 *
 * @param limit maximum output, bytes. The lengths in all chunk headers are added up before
 *   allocation.
 * @throws SnappyError
 * @see https://github.com/google/snappy/blob/main/framing_format.txt
 */
export function decodeSnappyFrames(input: Uint8Array, limit: number): Buffer {
  return runNow(snappyFramesSteps(input, limit))
}

/** As `decodeSnappyFrames`, in steps. */
export function* snappyFramesSteps(input: Uint8Array, limit: number): Steps<Buffer> {
  const length = yield* outputLength(input, limit)
  const output = Buffer.allocUnsafeSlow(length)
  let written = 0
  let read = 0
  for (let chunks = 1; read < input.length; chunks++) {
    const { chunk, next } = readChunk(input, read)
    if (chunk) {
      writeChunk(input, chunk, output, written)
      written += chunk.length
    }
    read = next
    if (chunks % CHUNKS_PER_STEP === 0) yield
  }
  return output
}

/** Reads only the chunk headers. */
function* outputLength(input: Uint8Array, limit: number): Steps<number> {
  let length = 0
  let read = 0
  for (let chunks = 1; read < input.length; chunks++) {
    const { chunk, next } = readChunk(input, read)
    length += chunk?.length ?? 0
    if (length > limit) throw tooLarge(length, limit)
    read = next
    if (chunks % (CHUNKS_PER_STEP * 64) === 0) yield
  }
  return length
}

function readChunk(
  input: Uint8Array,
  at: number,
): { readonly chunk: Chunk | null; readonly next: number } {
  const type = input[at]
  if (at === 0 && type !== IDENTIFIER)
    throw malformed(
      'the body does not begin with a stream identifier; send the snappy framing format, not a block',
    )
  const from = at + HEADER_BYTES
  if (from > input.length)
    throw malformed(`the body ends within the header of a chunk at byte ${at}`)
  const next = from + (input[at + 1] | (input[at + 2] << 8) | (input[at + 3] << 16))
  if (next > input.length) throw malformed(`the body ends within the chunk at byte ${at}`)
  if (type === IDENTIFIER) {
    if (!MAGIC.equals(input.subarray(from, next)))
      throw malformed(`the stream identifier at byte ${at} is not sNaPpY`)
    return { chunk: null, next }
  }
  if (type >= FIRST_SKIPPABLE) return { chunk: null, next }
  if (type > UNCOMPRESSED) throw malformed(`the chunk at byte ${at} has the reserved type ${type}`)
  return { chunk: dataChunk(input, at, next), next }
}

function dataChunk(input: Uint8Array, at: number, to: number): Chunk {
  const sum = at + HEADER_BYTES
  const data = sum + CHECKSUM_BYTES
  if (data > to) throw malformed(`the chunk at byte ${at} is too short for its checksum`)
  const compressed = input[at] === COMPRESSED
  const { length, elements } = compressed
    ? readBlockHeader(input, data, to, Number.POSITIVE_INFINITY)
    : { length: to - data, elements: data }
  if (length > CHUNK_BYTES)
    throw malformed(
      `the chunk at byte ${at} has ${length} bytes of data; at most ${CHUNK_BYTES} are allowed`,
    )
  const checksum =
    (input[sum] | (input[sum + 1] << 8) | (input[sum + 2] << 16) | (input[sum + 3] << 24)) >>> 0
  return { compressed, from: elements, to, length, checksum }
}

function writeChunk(input: Uint8Array, chunk: Chunk, output: Uint8Array, start: number): void {
  const { compressed, from, to, length, checksum } = chunk
  const end = start + length
  if (compressed) new Elements(input, from, to, output, start, end).advance(CHUNK_BYTES)
  else output.set(input.subarray(from, to), start)
  if (masked(crc32c(output, start, end)) !== checksum)
    throw malformed(
      `the checksum of the chunk that ends at byte ${to} does not match; the body was damaged`,
    )
}

/** Section 3 of the format: a CRC over data that contains CRCs would be weak. */
const masked = (crc: number) => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
