import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.js'
import { ClientGone, Refusal } from '../refusal.js'
import { MAX_RESPONSE_MS, scrapeTimeoutMs } from './scrape-timeout.js'
import { Slots } from './slots.js'

/** Limits of the requests and responses in progress. Times in milliseconds. */
export interface ResponseLimits {
  /** Concurrent responses with a body, by pool. A response of one pool never waits for another. */
  readonly pools: Readonly<Record<string, number>>
  /** Requests that may wait: held, in a queue for a slot, or forwarded. */
  readonly maxWaiting: number
  /** Request lines and headers of all requests in progress, bytes. */
  readonly maxWaitingBytes: number
  /** Requests in progress of one connection. Only pipelining has more than one. */
  readonly maxPerConnection: number
  /**
   * While requests wait for a slot, a response is ended whose client has not accepted a whole write
   * within this time: 256 KiB, or 64 KiB if it is compressed.
   */
  readonly slowInterval: number
  /** The flag that sets the slots of the first pool, for messages. */
  readonly flag: string
}

const DEFAULTS = {
  maxWaiting: 10_000,
  maxWaitingBytes: 64 * 1024 * 1024,
  maxPerConnection: 32,
  slowInterval: 3000,
}

/**
 * Further time for a response that has not begun in time: on a busy machine an error that is due at
 * 90 % of a short timeout is late.
 */
const ERROR_MS = 1000

/** Why a request was refused. */
export type LimitRefusal = 'timeout' | 'waiting' | 'waiting_bytes' | 'pipelined' | 'connections'
/** Why a response was ended before it was complete. */
export type LimitCut = 'timeout' | 'slow'

/** The right to send one body. It is given back when the response is closed, at the latest. */
export interface Slot {
  release(): void
}

interface Serving {
  readonly response: ServerResponse
  readonly slots: Slots
  /** Bytes that the client had accepted at the last check. */
  accepted: number | undefined
}

/**
 * Bounds the requests and responses in progress of a program.
 *
 * Every response ends by the scrape timeout of its request, or after 2 minutes. A response with a
 * body needs a slot of its pool from its first byte until its last one has reached the socket:
 * memory per connection is used only by as many responses as there are slots. Clients that wait get
 * slots in turn, and a response whose client reads too slowly loses its slot to them.
 */
export class ResponseLimit {
  /** Refused requests by reason. */
  readonly refused: Record<LimitRefusal, number> = {
    timeout: 0,
    waiting: 0,
    waiting_bytes: 0,
    pipelined: 0,
    connections: 0,
  }
  /** Ended responses by reason. */
  readonly cut: Record<LimitCut, number> = { timeout: 0, slow: 0 }
  readonly pools: ReadonlyMap<string, Slots>
  readonly #limits: ResponseLimits
  readonly #perConnection = new WeakMap<Socket, number>()
  /** Monotonic ms of the arrival of requests. */
  readonly #arrivals = new WeakMap<ServerResponse, number>()
  /** Slots of all pools. */
  readonly #slots: number
  /** Responses that have a slot. */
  readonly #serving = new Set<Serving>()
  #checking: NodeJS.Timeout | undefined
  #inProgress = 0
  #bytes = 0

  constructor(
    limits: Pick<ResponseLimits, 'pools' | 'flag'> & Partial<ResponseLimits>,
    private readonly clock: Clock,
  ) {
    this.#limits = { ...DEFAULTS, ...limits }
    this.pools = new Map(Object.entries(limits.pools).map(([name, max]) => [name, new Slots(max)]))
    this.#slots = Object.values(limits.pools).reduce((sum, max) => sum + max, 0)
  }

  /** Requests whose response is not complete. */
  get inProgress(): number {
    return this.#inProgress
  }

  /** Bytes of the request lines and headers of the requests in progress. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Counts a request until its response is closed, and ends the response in time. To be called for
   * every request, before anything else is done with it.
   *
   * @returns false if the connection was closed because of too many requests
   */
  begin(request: IncomingMessage, response: ServerResponse): boolean {
    const { socket } = request
    if (socket.destroyed) return false
    const inConnection = (this.#perConnection.get(socket) ?? 0) + 1
    if (inConnection > this.#limits.maxPerConnection) {
      this.refused.pipelined++
      socket.destroy()
      return false
    }
    // It would be refused after those ahead of it only, and need as much memory until then.
    if (inConnection > 1 && this.#tooMany) {
      this.refused.waiting++
      socket.destroy()
      return false
    }
    this.#perConnection.set(socket, inConnection)
    const bytes = sizeOf(request)
    this.#inProgress++
    this.#bytes += bytes
    this.#arrivals.set(response, this.clock.now().mono)
    const cut = () => this.#cut(response, 'timeout')
    const end = () => {
      if (response.headersSent) cut()
      else timer = setTimeout(cut, ERROR_MS)
    }
    let timer = setTimeout(end, scrapeTimeoutMs(request.headers) ?? MAX_RESPONSE_MS)
    response.once('close', () => {
      clearTimeout(timer)
      this.#inProgress--
      this.#bytes -= bytes
      this.#perConnection.set(socket, this.#perConnection.get(socket)! - 1)
    })
    return true
  }

  /** Monotonic ms of the arrival of a request that has begun. Its scrape timeout began then. */
  arrivalOf(response: ServerResponse): number {
    return this.#arrivals.get(response)!
  }

  /**
   * Refuses a request that may have to wait, if too many do already.
   *
   * @throws Refusal 503
   */
  admit(): void {
    const { maxWaiting, maxWaitingBytes } = this.#limits
    if (this.#tooMany) throw this.#refusal('waiting', `${maxWaiting} requests are waiting already`)
    if (this.#bytes > maxWaitingBytes)
      throw this.#refusal(
        'waiting_bytes',
        `the headers of the waiting requests have more than ${maxWaitingBytes} bytes`,
      )
  }

  get #tooMany(): boolean {
    return this.#inProgress > this.#limits.maxWaiting + this.#slots
  }

  /** Ends a response whose client reads so slowly that others are refused. */
  cutSlow(response: ServerResponse): void {
    this.#cut(response, 'slow')
  }

  /** Takes a slot if one is free; undefined if the request has to wait. */
  tryAcquire(response: ServerResponse, pool: string): Slot | undefined {
    // A pipelined response could not use the slot before those ahead of it are complete, and one
    // whose client has left would never give it back.
    if (!response.socket || response.destroyed || response.closed) return undefined
    const slots = this.pools.get(pool)!
    return slots.tryAcquire() ? this.#hold(response, slots) : undefined
  }

  /**
   * Waits for a slot.
   *
   * @param deadline monotonic ms
   * @throws Refusal 503 if there is none before the deadline
   * @throws ClientGone if the client closes the connection meanwhile
   */
  async acquire(response: ServerResponse, pool: string, deadline: number): Promise<Slot> {
    const begun = this.clock.now().mono
    const left = () => deadline - this.clock.now().mono
    const slots = this.pools.get(pool)!
    let outcome: Outcome = response.socket
      ? 'done'
      : await settled(response, left(), done => {
          response.once('socket', done)
          return () => void response.off('socket', done)
        })
    if (outcome === 'done') {
      const free = this.tryAcquire(response, pool)
      if (free) return free
      const waited = settled(response, left(), done =>
        slots.wait(response.req.socket.remoteAddress ?? '', done),
      )
      this.#watchSlow()
      outcome = await waited
    }
    if (outcome === 'done' && !response.destroyed) return this.#hold(response, slots)
    if (outcome === 'done') slots.release()
    if (outcome !== 'late') throw new ClientGone()
    const waited = ((this.clock.now().mono - begun) / 1000).toFixed(1)
    throw this.#refusal(
      'timeout',
      `all ${slots.max} concurrent responses are in use, and none ended within ${waited} s`,
    )
  }

  #hold(response: ServerResponse, slots: Slots): Slot {
    const serving: Serving = { response, slots, accepted: undefined }
    this.#serving.add(serving)
    const release = () => {
      if (!this.#serving.delete(serving)) return
      response.off('close', release)
      slots.release()
    }
    response.once('close', release)
    return { release }
  }

  /**
   * Compares what the clients have accepted from one check to the next, as long as requests wait:
   * a slow client harms nobody else.
   */
  #watchSlow(): void {
    if (this.#checking) return
    this.#checkSlow()
    this.#checking = setInterval(() => this.#checkSlow(), this.#limits.slowInterval).unref()
  }

  #checkSlow(): void {
    let anyWaiting = false
    for (const serving of this.#serving) {
      if (serving.slots.waiting === 0) {
        serving.accepted = undefined
        continue
      }
      anyWaiting = true
      const { response, accepted } = serving
      const { bytesWritten, writableLength } = response.req.socket
      serving.accepted = bytesWritten - writableLength
      if (writableLength > 0 && serving.accepted === accepted) this.#cut(response, 'slow')
    }
    if (anyWaiting) return
    clearInterval(this.#checking)
    this.#checking = undefined
  }

  #cut(response: ServerResponse, reason: LimitCut): void {
    this.cut[reason]++
    response.req.socket.destroy()
  }

  #refusal(reason: LimitRefusal, why: string): Refusal {
    this.refused[reason]++
    return new Refusal(
      503,
      `${why}: raise ${this.#limits.flag} or the scrape timeout, scrape less often, or look for clients that read slowly`,
      { 'Retry-After': '1' },
    )
  }
}

type Outcome = 'done' | 'late' | 'gone'

/**
 * Waits for an event, a time or the end of the connection, whichever is first.
 *
 * @param begin begins to wait for the event, and returns what ends that
 */
function settled(
  response: ServerResponse,
  ms: number,
  begin: (done: () => void) => () => void,
): Promise<Outcome> {
  if (response.destroyed || response.closed) return Promise.resolve('gone')
  return new Promise(resolve => {
    const end = (outcome: Outcome) => {
      clearTimeout(timer)
      response.off('close', leave)
      cancel()
      resolve(outcome)
    }
    const leave = () => end('gone')
    const timer = setTimeout(() => end('late'), Math.max(0, ms))
    response.once('close', leave)
    const cancel = begin(() => end('done'))
  })
}

/** Bytes of the request line and headers. */
function sizeOf({ url, rawHeaders }: IncomingMessage): number {
  let bytes = url!.length
  for (const text of rawHeaders) bytes += text.length
  return bytes
}
