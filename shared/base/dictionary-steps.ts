import { promisify } from 'node:util'
import { deflate, deflateSync, inflate, inflateSync, type ZlibOptions } from 'node:zlib'
import type { Steps } from './steps.js'

const compress = promisify<Uint8Array, ZlibOptions, Buffer>(deflate)

/**
 * Output that is inflated without another thread, bytes: a layout of more than 1,000 series. It
 * takes some tenths of a millisecond, less than the two transfers to the other thread and back.
 */
const SMALL_BYTES = 192 * 1024
/**
 * Input whose output is probably small, bytes. A stream does not tell the size of its output, and
 * an attempt that fails is work in vain.
 */
const PROBABLY_SMALL_BYTES = 6 * 1024
const CHUNK_BYTES = 256 * 1024
/** A layout is compressed once and sent many times. */
const LEVEL = 9

/** Compresses to a zlib stream with a preset dictionary (RFC 1950). */
export function* deflateSteps(bytes: Uint8Array, dictionary: Uint8Array): Steps<Buffer> {
  const options = { level: LEVEL, dictionary }
  return (yield {
    run: () => deflateSync(bytes, options),
    start: () => compress(bytes, options),
  }) as Buffer
}

/**
 * Decompresses a zlib stream that has this preset dictionary.
 *
 * @throws Error with code `ERR_BUFFER_TOO_LARGE` when the result has more than `maxBytes`, an error
 *   if anything follows the stream, or the error of zlib
 */
export function* inflateSteps(
  bytes: Uint8Array,
  dictionary: Uint8Array,
  maxBytes: number,
): Steps<Buffer> {
  if (bytes.length <= PROBABLY_SMALL_BYTES) {
    const most = Math.min(SMALL_BYTES, maxBytes)
    try {
      // One chunk, which needs no copy.
      const chunkSize = Math.max(64, most)
      return inflateNow(bytes, { dictionary, maxOutputLength: most, chunkSize })
    } catch (error) {
      const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      if (!tooLarge || most === maxBytes) throw error
    }
  }
  const options = { dictionary, maxOutputLength: maxBytes, chunkSize: CHUNK_BYTES }
  return (yield {
    run: () => inflateNow(bytes, options),
    start: () => inflateOnThread(bytes, options),
  }) as Buffer
}

interface InflateOptions {
  readonly dictionary: Uint8Array
  readonly maxOutputLength: number
  readonly chunkSize?: number
}

/** What zlib returns with the option `info`, which its types do not describe. */
interface Inflated {
  readonly buffer: Buffer
  /** `bytesWritten` is the number of input bytes that the stream has. */
  readonly engine: { readonly bytesWritten: number }
}

function inflateNow(bytes: Uint8Array, options: InflateOptions): Buffer {
  const inflated = inflateSync(bytes, { ...options, info: true }) as unknown as Inflated
  return wholeOf(inflated, bytes)
}

function inflateOnThread(bytes: Uint8Array, options: InflateOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    inflate(bytes, { ...options, info: true }, (error, result) => {
      if (error) return reject(error)
      try {
        resolve(wholeOf(result as unknown as Inflated, bytes))
      } catch (rest) {
        reject(rest)
      }
    })
  })
}

function wholeOf({ buffer, engine }: Inflated, bytes: Uint8Array): Buffer {
  const rest = bytes.length - engine.bytesWritten
  if (rest > 0) throw new Error(`${rest} bytes follow the stream`)
  return buffer
}
