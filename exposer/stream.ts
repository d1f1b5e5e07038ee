import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { constants, createGzip, gzipSync } from 'node:zlib'

/** A body below this is sent as it is: it fits into a packet or two, and compressing costs more than it saves. */
const SMALL = 2048
/** Level 1 makes expositions about ten times smaller for a fifth of the CPU of the default level. */
const GZIP = { level: constants.Z_BEST_SPEED, chunkSize: 64 * 1024 }
/** On the spot: a body of one chunk takes 25 to 300 µs, and handing it to another thread a millisecond. */
const SMALL_GZIP = { level: constants.Z_BEST_SPEED, chunkSize: 16 * 1024 }

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
    const begun = await begin(chunks)
    if (begun.length < 2) await sendWhole(response, begun[0] ?? Buffer.alloc(0), options, sent)
    else await sendStream(response, begun, chunks, options, sent)
    sent.whole = true
  } catch (error) {
    response.destroy()
    if (!(error instanceof CutOff) && !isGone(error)) throw error
  } finally {
    chunks.return(undefined)
  }
  return sent
}

/** The first two chunks, or all when there are fewer. Empty ones are only places to let others have the event loop. */
async function begin(chunks: Generator<Buffer>): Promise<Buffer[]> {
  const begun: Buffer[] = []
  while (begun.length < 2) {
    const { done, value } = chunks.next()
    if (done) break
    // Copied: a chunk is valid only until the next is asked for.
    if (value.length) begun.push(Buffer.from(value))
    else await nextTurn()
  }
  return begun
}

/** A body of one chunk, the usual one of a virtual target: one write, with its length. */
async function sendWhole(
  response: ServerResponse,
  body: Buffer,
  options: StreamOptions,
  sent: { bytes: number },
) {
  let bytes = body
  if (options.gzip && body.length >= SMALL) {
    bytes = gzipSync(body, SMALL_GZIP)
    response.setHeader('Content-Encoding', 'gzip')
  }
  if (!options.alive()) throw new CutOff()
  response.setHeader('Content-Length', bytes.length)
  response.end(bytes)
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
