import type { IncomingMessage } from 'node:http'
import type { Exchange } from '../exchange.js'
import { ClientGone, Refusal } from '../refusal.js'
import { type BodyCodec, type BodyCodecs, type BodyDecoder, COMMON_CODECS } from './codecs.js'
import { Blocks } from './pieces.js'
import { receive } from './receive.js'
import { BodyMemory, BodyRoom, tooLarge } from './room.js'

/** Sizes in bytes. */
export interface BodyLimits {
  /** One body as it is sent. */
  readonly maxSent: number
  /** One body after decoding. */
  readonly maxDecoded: number
  /** All bodies together, each from its first byte until its response is closed. */
  readonly maxHeld: number
  /** From the call of `read` to the last byte, ms. Below the server's `requestTimeout`, which gives no reason. */
  readonly timeoutMs: number
}

/**
 * Reads the bodies of requests, each whole and decoded by its Content-Encoding. What a request may cost is bounded before it is
 * paid: a length that is declared too large is refused without reading, a body that becomes too large in the moment it does.
 */
export class RequestBodies {
  readonly #memory: BodyMemory
  readonly #codecs: BodyCodecs

  /** @param codecs those of this program, beside gzip */
  constructor(
    private readonly limits: BodyLimits,
    codecs: BodyCodecs = {},
  ) {
    this.#memory = new BodyMemory(limits.maxHeld)
    this.#codecs = { ...COMMON_CODECS, ...codecs }
  }

  /** Bytes that bodies hold now. */
  get held(): number {
    return this.#memory.held
  }

  /**
   * To be called once for a request. The bytes count as held until its response is closed.
   *
   * @throws Refusal with 400, 408, 413, 415 or 503
   * @throws ClientGone
   */
  async read({ req, res }: Pick<Exchange, 'req' | 'res'>): Promise<Buffer> {
    if (req.readableEnded) throw new Error('the body of a request can be read only once')
    const codec = this.#codecOf(req.headers['content-encoding'] ?? '')
    const { maxSent, maxDecoded } = this.limits
    if (Number(req.headers['content-length'] ?? 0) > maxSent) throw tooLarge('body', maxSent)
    if (req.destroyed || res.closed) throw new ClientGone()
    const room = new BodyRoom(this.#memory, maxDecoded)
    res.once('close', () => room.free())
    if (expectsContinue(req)) res.writeContinue()
    const decoder = codec(room)
    try {
      return await this.#decode(req, decoder, new Blocks(room))
    } catch (error) {
      decoder.destroy()
      room.free()
      throw error
    }
  }

  async #decode(req: IncomingMessage, decoder: BodyDecoder, blocks: Blocks): Promise<Buffer> {
    const { maxSent, timeoutMs } = this.limits
    let sent = 0
    const take = (chunk: Buffer) => {
      sent += chunk.length
      if (sent > maxSent) throw tooLarge('body', maxSent)
      const complete = blocks.add(chunk)
      return complete.length ? writeAll(complete, decoder) : undefined
    }
    await receive(req, take, { timeoutMs, late: () => late(timeoutMs) })
    const rest = blocks.end()
    if (rest) await decoder.write(rest)
    return decoder.end()
  }

  #codecOf(contentEncoding: string): BodyCodec {
    const coding = contentEncoding.trim().toLowerCase() || 'identity'
    if (Object.hasOwn(this.#codecs, coding)) return this.#codecs[coding]
    const known = Object.keys(this.#codecs).join(', ')
    const asked = JSON.stringify(coding.slice(0, 64))
    throw new Refusal(415, `the Content-Encoding ${asked} is not supported: send one of ${known}`, {
      'Accept-Encoding': known,
    })
  }
}

async function writeAll(blocks: readonly Buffer[], decoder: BodyDecoder): Promise<void> {
  for (const block of blocks) await decoder.write(block)
}

function expectsContinue({ headers, httpVersionMinor }: IncomingMessage): boolean {
  return headers.expect !== undefined && httpVersionMinor >= 1
}

function late(timeoutMs: number): Refusal {
  const message = `the body did not arrive within ${timeoutMs / 1000} s: send it faster, or less in one request`
  return new Refusal(408, message, { Connection: 'close' })
}
