import type { AppendError, Appender } from '../../../shared/kafka/log/appender.js'
import type { FetchedRecord } from '../../state/machine.js'
import { DONE, type Outcome } from '../../state/types.js'
import { RequestTooLarge, StoreUnavailable } from '../store.js'
import type { StoreFigures } from './figures.js'

export interface SubmissionLimits {
  /** Milliseconds after which a request fails, whatever the brokers do. */
  readonly timeout: number
  /** Maximum number and bytes of requests without a result. */
  readonly maxRequests: number
  readonly maxBytes: number
}

interface Waiter {
  readonly record: Buffer
  settled: boolean
  resolve(outcome: Outcome): void
  reject(error: StoreUnavailable | RequestTooLarge): void
}

/**
 * Requests of this gateway between their append and their result.
 *
 * A request has its result when a record with its id and the same bytes has been applied. It need
 * not be its own: an equal one that was applied before has the same outcome, and so have repeated
 * appends of it.
 */
export class Submissions {
  /** By id, as latin1 text. The same id can be submitted more than once. */
  readonly #waiters = new Map<string, Waiter[]>()
  #requests = 0
  #bytes = 0
  #onIdle: (() => void)[] = []

  constructor(
    private readonly appender: Pick<Appender, 'append'>,
    private readonly limits: SubmissionLimits,
    private readonly figures: StoreFigures,
    /** Called for each append with its duration. */
    private readonly onAppended: (seconds: number) => void = () => {},
  ) {}

  /** Requests without a result, and the bytes of their records. */
  get pending(): { readonly requests: number; readonly bytes: number } {
    return { requests: this.#requests, bytes: this.#bytes }
  }

  /**
   * @param untilApplied whether the result is that of applying the record; otherwise it is there
   *   once the brokers have the record
   * @throws StoreUnavailable
   */
  submit(id: Buffer, record: Buffer, untilApplied: boolean): Promise<Outcome> {
    const { timeout, maxRequests, maxBytes } = this.limits
    if (
      this.#requests >= maxRequests ||
      (this.#requests > 0 && this.#bytes + record.length > maxBytes)
    ) {
      return Promise.reject(
        new StoreUnavailable(
          `${this.#requests} requests of ${this.#bytes} bytes wait for the brokers: try again later`,
          false,
        ),
      )
    }
    this.#requests++
    this.#bytes += record.length
    return new Promise((resolve, reject) => {
      const key = id.toString('latin1')
      // Its timer is the first of the two, and its message is the better one.
      const appending = this.#append(record)
      const timer = setTimeout(
        () =>
          waiter.reject(
            new StoreUnavailable(
              `the brokers have the request, but this gateway has not applied it within ${timeout / 1000} s: it may still be applied`,
              true,
            ),
          ),
        timeout,
      )
      const settle = (how: () => void) => {
        if (waiter.settled) return
        waiter.settled = true
        clearTimeout(timer)
        this.#remove(key, waiter)
        how()
      }
      const waiter: Waiter = {
        record,
        settled: false,
        resolve: outcome => settle(() => resolve(outcome)),
        reject: error => settle(() => reject(error)),
      }
      const others = this.#waiters.get(key)
      if (others) others.push(waiter)
      else this.#waiters.set(key, [waiter])
      appending.then(
        () => {
          if (!untilApplied) waiter.resolve(DONE)
        },
        (error: AppendError) =>
          waiter.reject(
            error.tooLarge
              ? new RequestTooLarge(error.message, { cause: error })
              : new StoreUnavailable(error.message, error.maybeAppended, { cause: error }),
          ),
      )
    })
  }

  /** Resolves when no request waits for a result. */
  idle(): Promise<void> {
    return new Promise(resolve => {
      if (this.#requests === 0) resolve()
      else this.#onIdle.push(resolve)
    })
  }

  /** @param id of the record @param outcome of applying it */
  applied(id: Buffer, { value }: FetchedRecord, outcome: Outcome): void {
    if (this.#waiters.size === 0) return
    const waiters = this.#waiters.get(id.toString('latin1'))
    if (!waiters) return
    for (const waiter of [...waiters]) if (waiter.record.equals(value)) waiter.resolve(outcome)
  }

  async #append(record: Buffer): Promise<void> {
    const start = performance.now()
    try {
      await this.appender.append(record)
      this.figures.appendsDone++
      this.onAppended((performance.now() - start) / 1000)
    } catch (error) {
      this.figures.appendsFailed++
      throw error
    }
  }

  #remove(key: string, waiter: Waiter): void {
    this.#requests--
    this.#bytes -= waiter.record.length
    const left = this.#waiters.get(key)?.filter(other => other !== waiter) ?? []
    if (left.length > 0) this.#waiters.set(key, left)
    else this.#waiters.delete(key)
    if (this.#requests === 0) for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}
