import type { Clock } from '../../shared/base/clock.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { ClientRates } from './client-rates.js'
import { RefusedPush } from './refused-push.js'

export interface AdmissionLimits {
  /** Requests that wait for the store. */
  readonly requests: number
  /** Such requests per second and client address; 0: no limit. */
  readonly rate: number
}

/**
 * Bounds the requests that change something: those that wait for the store, and their rate by
 * client. A client that sends its body slowly uses no place.
 */
export class Admission {
  inProgress = 0
  readonly #rates: ClientRates | undefined

  constructor(
    private readonly limits: AdmissionLimits,
    private readonly clock: Clock,
  ) {
    this.#rates = limits.rate > 0 ? new ClientRates(limits.rate) : undefined
  }

  /**
   * To be called before the body is read.
   *
   * @throws RefusedPush 429
   */
  admit(exchange: Exchange): void {
    this.#checkRate(exchange)
    this.#checkPlace()
  }

  /**
   * Counts a request until `work` ends.
   *
   * @throws RefusedPush 429
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#checkPlace()
    this.inProgress++
    try {
      return await work()
    } finally {
      this.inProgress--
    }
  }

  #checkPlace(): void {
    const { requests } = this.limits
    if (this.inProgress < requests) return
    throw new RefusedPush(
      429,
      'in_progress',
      `${requests} requests are in progress already; retry later, or raise --limit.requests. Nothing was stored`,
      { 'Retry-After': '1' },
    )
  }

  #checkRate({ req }: Exchange): void {
    const wait = this.#rates?.wait(req.socket.remoteAddress ?? '', this.clock.now().mono) ?? 0
    if (wait === 0) return
    throw new RefusedPush(
      429,
      'rate',
      `this address sends more than ${this.limits.rate} requests per second; send less, or raise --limit.rate. Nothing was stored`,
      { 'Retry-After': String(Math.ceil(wait)) },
    )
  }
}
