import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip, gzipSync } from 'node:zlib'
import { nextTurn } from '../base/scheduling.js'

/** A body below this is sent as it is: it fits into a packet or two, and compressing costs more than it saves. */
const SMALL = 2048
/** Level 1 makes expositions about ten times smaller for a fifth of the CPU of the default level. */
const GZIP = { level: constants.Z_BEST_SPEED, chunkSize: 64 * 1024 }
/**
 * On the spot: a body of one chunk takes 25 to 300 µs, and handing it to another thread a millisecond. The lines that are alike
 * are near each other, so that a smaller window finds as much and leaves less memory to clear; the output comes from Node's pool.
 */
const SMALL_GZIP = { level: constants.Z_BEST_SPEED, windowBits: 14, memLevel: 6, chunkSize: 4000 }
const NOTHING = Buffer.alloc(0)
/** Keeps a first chunk for as long as it takes to see whether it is the only one: a buffer for each would be garbage. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024)

export interface StreamOptions {
  readonly gzip: boolean
  /** Asked before every chunk: false cuts the response off, so that its reader sees a failure and not an end. */
  readonly alive: () => boolean
}

/** What was sent. `whole` is false when the client went away or the response was cut off. */
export interface Sent {
  readonly bytes: number
  readonly whole: boolean
}

/** The right to serve was lost while a response was being written. */
class CutOff extends Error {}

/**
 * Writes a generated body: chunk by chunk with backpressure, a turn of the event loop between chunks, compressed on another
 * thread. The response's status and headers are set but not yet written. The generator is closed on every path.
 */
export async function sendChunks(
  response: ServerResponse,
  chunks: Generator<Buffer>,
  options: StreamOptions,
): Promise<Sent> {
  const sent = { bytes: 0, whole: false }
  try {
    let first = chunks.next()
    // Empty chunks are only places to let others have the event loop.
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
    if (!(error instanceof CutOff) && !isGone(error)) throw error
  } finally {
    chunks.return(undefined)
  }
  return sent
}

/** Whether all of an ended response has been handed to the system to be sent. What happens to it then is not known to anybody here. */
export function reachedSocket(response: ServerResponse): Promise<boolean> {
  if (response.writableFinished || response.destroyed) return Promise.resolve(response.writableFinished)
  return new Promise(resolve => {
    response.once('finish', () => resolve(true))
    response.once('close', () => resolve(response.writableFinished))
  })
}

/** A chunk is valid only until the next is asked for; what this gives is, until others have the event loop. */
function keep(chunk: Buffer): Buffer {
  return chunk.length > scratch.length ? Buffer.from(chunk) : scratch.subarray(0, chunk.copy(scratch))
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
  if (options.gzip && body.length >= SMALL) {
    bytes = gzipSync(body, SMALL_GZIP)
    response.setHeader('Content-Encoding', 'gzip')
  }
  if (!options.alive()) throw new CutOff()
  response.setHeader('Content-Length', bytes.length)
  // As text, a character a byte, it is written in one piece with the headers, and the scratch buffer is free again.
  if (bytes.length <= scratch.length) response.end(bytes.toString('latin1'), 'latin1')
  else response.end(bytes)
  sent.bytes = bytes.length
}

async function sendStream(
  response: ServerResponse,
  begun: readonly Buffer[],
  rest: Iterable<Buffer>,
  options: StreamOptions,
  sent: { bytes: number },
): Promise<void> {
  if (!options.gzip) {
    await feed(response, begun, rest, chunk => {
      if (!options.alive()) throw new CutOff()
      sent.bytes += chunk.length
    })
    response.end()
    return
  }
  // Checked where bytes leave for the socket: what a compressor holds may be older than the lease.
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
  const fed = feed(gzip, begun, rest, () => {}).then(() => gzip.end())
  // When the way out fails, feeding fails because of it: the cause is the one to tell.
  fed.catch(() => {})
  await piped
  await fed
}

/** Writes chunk by chunk, each when the one before has been taken: a chunk is valid only until the next is asked for. */
async function feed(
  out: Writable,
  begun: readonly Buffer[],
  rest: Iterable<Buffer>,
  before: (chunk: Buffer) => void,
): Promise<void> {
  let gone: (error: Error) => void = () => {}
  const close = () =>
    gone(Object.assign(new Error('the client went away'), { code: 'ERR_STREAM_PREMATURE_CLOSE' }))
  out.once('close', close)
  try {
    const write = (chunk: Buffer) =>
      new Promise<void>((resolve, reject) => {
        gone = reject
        if (out.destroyed) close()
        else out.write(chunk, error => (error ? reject(error) : resolve()))
      })
    for (const chunks of [begun, rest]) {
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

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return (
    code === 'ERR_STREAM_PREMATURE_CLOSE' ||
    code === 'ERR_STREAM_DESTROYED' ||
    code === 'ECONNRESET' ||
    code === 'EPIPE'
  )
}
