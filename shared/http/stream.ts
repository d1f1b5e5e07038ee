import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip, gzipSync } from 'node:zlib'
import { nextTurn } from '../base/scheduling.js'

/** Bodies below this size are not compressed: they fit into one or two packets. */
const MIN_GZIP_BYTES = 2048
/**
 * Level 1 compresses expositions by a factor of ten, with a fifth of the CPU of the default level.
 */
const GZIP = { level: constants.Z_BEST_SPEED, chunkSize: 64 * 1024 }
/**
 * For synchronous compression of a body of one chunk. It takes 25 to 300 µs, a transfer to another
 * thread a millisecond. Similar lines are close to each other, so that a smaller window compresses
 * as well, and needs less memory to be cleared. The output comes from Node's buffer pool.
 */
const SMALL_GZIP = { level: constants.Z_BEST_SPEED, windowBits: 14, memLevel: 6, chunkSize: 4000 }
const NOTHING = Buffer.alloc(0)
/**
 * Holds a first chunk until it is known whether there is a second. Avoids an allocation per
 * response.
 */
const scratch = Buffer.allocUnsafeSlow(64 * 1024)

export interface StreamOptions {
  readonly gzip: boolean
  /**
   * Called before each chunk. If false, the response is cut off, which clients see as a failure.
   */
  readonly alive: () => boolean
}

/**
 * What was sent. `whole` is false if the client closed the connection or the response was cut off.
 */
export interface Sent {
  readonly bytes: number
  readonly whole: boolean
}

/** The right to serve was lost while a response was being written. */
class CutOff extends Error {}

/**
 * Writes a generated body chunk by chunk, with backpressure. Yields the event loop between chunks,
 * and compresses on another thread. Status and headers of the response are set, but not yet
 * written. The generator is closed in any case.
 */
export async function sendChunks(
  response: ServerResponse,
  chunks: Generator<Buffer>,
  options: StreamOptions,
): Promise<Sent> {
  const sent = { bytes: 0, whole: false }
  try {
    let first = chunks.next()
    // Empty chunks only yield the event loop.
    while (!first.done && first.value.length === 0) {
      await nextTurn()
      first = chunks.next()
    }
    const kept = first.done ? NOTHING : keep(first.value)
    const second = first.done ? first : chunks.next()
    if (second.done) sendWhole(response, kept, options, sent)
    else await sendStream(response, [own(kept), Buffer.from(second.value)], chunks, options, sent)
    sent.whole = true
  } catch (error) {
    response.destroy()
    if (!(error instanceof CutOff) && !isConnectionClosed(error)) throw error
  } finally {
    chunks.return(undefined)
  }
  return sent
}

/**
 * Resolves with whether an ended response was passed to the operating system completely. Its
 * delivery to the client is not known.
 */
export function reachedSocket(response: ServerResponse): Promise<boolean> {
  if (response.writableFinished || response.destroyed)
    return Promise.resolve(response.writableFinished)
  return new Promise(resolve => {
    response.once('finish', () => resolve(true))
    response.once('close', () => resolve(response.writableFinished))
  })
}

/**
 * Copies a chunk, which is valid only until the generator continues. The result is valid until the
 * event loop is yielded.
 */
function keep(chunk: Buffer): Buffer {
  return chunk.length > scratch.length
    ? Buffer.from(chunk)
    : scratch.subarray(0, chunk.copy(scratch))
}

const own = (kept: Buffer) => (kept.buffer === scratch.buffer ? Buffer.from(kept) : kept)

/** A body of one chunk: one write, with its length. */
function sendWhole(
  response: ServerResponse,
  body: Buffer,
  options: StreamOptions,
  sent: { bytes: number },
): void {
  let bytes = body
  if (options.gzip && body.length >= MIN_GZIP_BYTES) {
    bytes = gzipSync(body, SMALL_GZIP)
    response.setHeader('Content-Encoding', 'gzip')
  }
  if (!options.alive()) throw new CutOff()
  response.setHeader('Content-Length', bytes.length)
  // Node writes a latin1 string together with the headers, and the scratch buffer can be reused.
  if (bytes.length <= scratch.length) response.end(bytes.toString('latin1'), 'latin1')
  else response.end(bytes)
  sent.bytes = bytes.length
}

async function sendStream(
  response: ServerResponse,
  first: readonly Buffer[],
  rest: Iterable<Buffer>,
  options: StreamOptions,
  sent: { bytes: number },
): Promise<void> {
  if (!options.gzip) {
    await feed(response, first, rest, chunk => {
      if (!options.alive()) throw new CutOff()
      sent.bytes += chunk.length
    })
    response.end()
    return
  }
  // Checked after compression: the compressor may hold bytes that are older than the lease.
  async function* outlet(from: AsyncIterable<Buffer>) {
    for await (const chunk of from) {
      if (!options.alive()) throw new CutOff()
      sent.bytes += chunk.length
      yield chunk
    }
  }
  response.setHeader('Content-Encoding', 'gzip')
  const gzip = createGzip(GZIP)
  const piped = pipeline(gzip, outlet, response)
  const fed = feed(gzip, first, rest, () => {}).then(() => gzip.end())
  // If the pipeline fails, feeding fails as a consequence: report only the cause.
  fed.catch(() => {})
  await piped
  await fed
}

/** Writes each chunk when the previous one is consumed, because chunks share a buffer. */
async function feed(
  out: Writable,
  first: readonly Buffer[],
  rest: Iterable<Buffer>,
  before: (chunk: Buffer) => void,
): Promise<void> {
  let fail: (error: Error) => void = () => {}
  const close = () =>
    fail(
      Object.assign(new Error('the client closed the connection'), {
        code: 'ERR_STREAM_PREMATURE_CLOSE',
      }),
    )
  out.once('close', close)
  try {
    const write = (chunk: Buffer) =>
      new Promise<void>((resolve, reject) => {
        fail = reject
        if (out.destroyed) close()
        else out.write(chunk, error => (error ? reject(error) : resolve()))
      })
    for (const chunks of [first, rest]) {
      for (const chunk of chunks) {
        if (chunk.length) {
          before(chunk)
          await write(chunk)
        }
        await nextTurn()
      }
    }
  } finally {
    out.off('close', close)
  }
}

function isConnectionClosed(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return (
    code === 'ERR_STREAM_PREMATURE_CLOSE' ||
    code === 'ERR_STREAM_DESTROYED' ||
    code === 'ECONNRESET' ||
    code === 'EPIPE'
  )
}
