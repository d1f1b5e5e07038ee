import { BUCKETS } from './buckets.js'

/**
 * Runs the work of each bucket one after the other, so that requests are applied in the order of
 * the calls, also when a bucket moves to another server. Buckets do not wait for each other.
 */
export class BucketQueues {
  readonly #tails: (Promise<unknown> | undefined)[] = new Array(BUCKETS)

  run<T>(bucket: number, work: () => Promise<T>): Promise<T> {
    const before = this.#tails[bucket]
    const result = before ? before.then(work) : work()
    const tail: Promise<void> = result.then(
      () => {},
      () => {},
    )
    this.#tails[bucket] = tail
    tail.then(() => {
      if (this.#tails[bucket] === tail) this.#tails[bucket] = undefined
    })
    return result
  }
}
