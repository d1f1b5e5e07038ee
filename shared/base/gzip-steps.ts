import { promisify } from 'node:util'
import { gunzip, gunzipSync, gzip, gzipSync } from 'node:zlib'
import type { Steps } from './steps.js'

const compress = promisify<Uint8Array, Buffer>(gzip)
const decompress = promisify(gunzip) as (
  bytes: Uint8Array,
  options: { maxOutputLength: number; chunkSize: number },
) => Promise<Buffer>

/**
 * Output that is inflated without another thread, bytes: it takes half a millisecond, and a transfer
 * to the other thread as much.
 */
const SMALL_BYTES = 128 * 1024
const CHUNK_BYTES = 256 * 1024

/** Compresses with gzip. */
export function* gzipSteps(bytes: Uint8Array): Steps<Buffer> {
  return (yield { run: () => gzipSync(bytes), start: () => compress(bytes) }) as Buffer
}

/**
 * Decompresses gzip.
 *
 * @throws Error with code `ERR_BUFFER_TOO_LARGE` when the result has more than `maxBytes`, or the
 *   error of zlib
 */
export function* gunzipSteps(bytes: Uint8Array, maxBytes: number): Steps<Buffer> {
  const claimed = claimedBytes(bytes)
  if (claimed <= SMALL_BYTES && claimed <= maxBytes) {
    try {
      // One chunk, which needs no copy.
      const chunkSize = Math.max(64, claimed)
      return gunzipSync(bytes, { maxOutputLength: Math.max(1, claimed), chunkSize })
    } catch (error) {
      // The claim is wrong, or there are several members.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error
    }
  }
  return (yield {
    run: () => gunzipSync(bytes, { maxOutputLength: maxBytes }),
    start: () => decompress(bytes, { maxOutputLength: maxBytes, chunkSize: CHUNK_BYTES }),
  }) as Buffer
}

/**
 * Size of the content by the last field of gzip (RFC 1952), not verified. Infinity if there is
 * none.
 */
function claimedBytes(bytes: Uint8Array): number {
  const { length } = bytes
  if (length < 18) return Number.POSITIVE_INFINITY
  return (
    bytes[length - 4] +
    bytes[length - 3] * 0x100 +
    bytes[length - 2] * 0x10000 +
    bytes[length - 1] * 0x1000000
  )
}
