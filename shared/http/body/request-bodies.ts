import type { IncomingMessage } from 'node:http'
import type { Exchange } from '../exchange.js'
import { ClientGone, Refusal } from '../refusal.js'
import { Blocks } from './blocks.js'
import { BodyBudget, BodyMemory, tooLarge } from './budget.js'
import { type BodyCodec, type BodyCodecs, type BodyDecoder, COMMON_CODECS } from './codecs.js'
import { receive } from './receive.js'

/** Limits of request bodies. Sizes in bytes. */
export interface BodyLimits {
  /** Size of one body as sent. */
  readonly maxSent: number
  /** Size of one body after decoding. */
  readonly maxDecoded: number
  /**
   * Memory of all requests with a body, each from `read` until its response is closed. A request
   * needs 8 KiB, and up to twice the decoded size of its body while the body is put together.
   */
  readonly maxHeld: number
  /**
   * Time from the call of `read` to the last byte of the body, ms. Should be less than the server's
   * `requestTimeout`, which closes the connection without a reason.
   */
  readonly timeoutMs: number
}

export interface BodyOptions {
  /** Memory that is shared with other bodies. Default: `maxHeld` for these alone. */
  readonly memory?: BodyMemory
  /** Content coding of a request without Content-Encoding. Default: identity. */
  readonly unnamed?: string
}

/**
 * Reads whole request bodies, decoded according to their Content-Encoding. A body that declares too
 * large a Content-Length is refused without being read, any other body at the byte that exceeds a
 * limit.
 */
export class RequestBodies {
  /** Memory of the bodies, which others can share. */
  readonly memory: BodyMemory
  readonly #codecs: BodyCodecs
  readonly #unnamed: string

  /** @param codecs content codings in addition to gzip */
  constructor(
    private readonly limits: BodyLimits,
    codecs: BodyCodecs = {},
    { memory = new BodyMemory(limits.maxHeld), unnamed = 'identity' }: BodyOptions = {},
  ) {
    this.memory = memory
    this.#unnamed = unnamed
    this.#codecs = { ...COMMON_CODECS, ...codecs }
  }

  /** Memory held by bodies, bytes. */
  get held(): number {
    return this.memory.held
  }

  /**
   * Must be called at most once per request.
   *
   * @throws Refusal with 400, 408, 413, 415 or 503
   * @throws ClientGone
   */
  async read({ req, res }: Pick<Exchange, 'req' | 'res'>): Promise<Buffer> {
    if (req.readableEnded) throw new Error('the body of this request has been read already')
    const codec = this.#codecOf(req.headers['content-encoding'] ?? '')
    const { maxSent, maxDecoded } = this.limits
    if (Number(req.headers['content-length'] ?? 0) > maxSent) throw tooLarge('body', maxSent)
    if (req.destroyed || res.destroyed) throw new ClientGone()
    const budget = new BodyBudget(this.memory, maxDecoded)
    budget.acquire(REQUEST_BYTES)
    res.once('close', () => budget.free())
    if (expectsContinue(req)) res.writeContinue()
    const decoder = codec(budget)
    try {
      return await this.#decode(req, decoder, new Blocks(budget))
    } catch (error) {
      decoder.destroy()
      budget.free()
      throw error
    }
  }

  async #decode(req: IncomingMessage, decoder: BodyDecoder, blocks: Blocks): Promise<Buffer> {
    const { maxSent, timeoutMs } = this.limits
    let sent = 0
    let chunks = 0
    const take = (chunk: Buffer) => {
      sent += chunk.length
      if (sent > maxSent) throw tooLarge('body', maxSent)
      if (++chunks > FREE_CHUNKS && sent < chunks * MIN_CHUNK) throw tooSmallChunks()
      const complete = blocks.add(chunk)
      return complete.length ? writeAll(complete, decoder) : undefined
    }
    await receive(req, take, { timeoutMs, timeoutError: () => tooSlow(timeoutMs) })
    const rest = blocks.end()
    if (rest) await decoder.write(rest)
    return decoder.end()
  }

  #codecOf(contentEncoding: string): BodyCodec {
    const coding = contentEncoding.trim().toLowerCase() || this.#unnamed
    if (Object.hasOwn(this.#codecs, coding)) return this.#codecs[coding]
    const supported = Object.keys(this.#codecs).join(', ')
    const given = JSON.stringify(coding.slice(0, 64))
    throw new Refusal(415, `unsupported Content-Encoding ${given}: use one of ${supported}`, {
      'Accept-Encoding': supported,
    })
  }
}

/**
 * Memory of a request without its body: sockets, headers and promises, about this much. Counting it
 * bounds the requests in flight as well, which one connection can pipeline by the thousand.
 */
export const REQUEST_BYTES = 8 * 1024

async function writeAll(blocks: readonly Buffer[], decoder: BodyDecoder): Promise<void> {
  for (const block of blocks) await decoder.write(block)
}

function expectsContinue({ headers, httpVersionMinor }: IncomingMessage): boolean {
  return headers.expect !== undefined && httpVersionMinor >= 1
}

/**
 * Mean size of chunks. Node spends a microsecond on a chunk of any size: 1 MiB in chunks of one
 * byte blocks the event loop for 190 ms.
 */
const MIN_CHUNK = 16
/** Chunks before the mean is checked. */
const FREE_CHUNKS = 1000

function tooSmallChunks(): Refusal {
  const message = `the chunks of the body are smaller than ${MIN_CHUNK} bytes: send larger chunks`
  return new Refusal(400, message, { Connection: 'close' })
}

function tooSlow(timeoutMs: number): Refusal {
  const message = `the body did not arrive within ${timeoutMs / 1000} s: send less per request`
  return new Refusal(408, message, { Connection: 'close' })
}
