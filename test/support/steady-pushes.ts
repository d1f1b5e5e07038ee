import { randomBytes } from 'node:crypto'
import { type PushStore, StoreUnavailable } from '../../gateway/store/store.js'
import { exposition, requestOf } from '../gateway/state/text.js'

/**
 * Adds 1 to a counter of each job again and again, and repeats what failed with the same id, as
 * clients do. At the end each counter must be the number of its requests.
 */
export class SteadyPushes {
  readonly done = new Map<string, number>()
  /** Errors, with the job. */
  readonly errors: { readonly job: string; readonly error: StoreUnavailable }[] = []
  #stopping = false
  readonly #running: Promise<void>

  /** @param pause ms between the attempts of a request that failed */
  constructor(
    stores: readonly PushStore[],
    jobs: readonly string[],
    private readonly pause = 20,
  ) {
    this.#running = Promise.all(
      jobs.map((job, i) => this.#run(stores[i % stores.length], job)),
    ).then(() => {})
    this.#running.catch(() => {}) // `stop` throws it.
  }

  get total(): number {
    return [...this.done.values()].reduce((a, b) => a + b, 0)
  }

  /** Ends when every request that was begun is acknowledged. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  async #run(store: PushStore, job: string): Promise<void> {
    while (!this.#stopping) {
      await this.#one(store, job, randomBytes(16))
      this.done.set(job, (this.done.get(job) ?? 0) + 1)
    }
  }

  async #one(store: PushStore, job: string, id: Buffer): Promise<void> {
    const body = '# TYPE steady counter\nsteady 1\n'
    for (;;) {
      try {
        const request = requestOf({ method: 'accumulate', group: { job }, id, body })
        const outcome = await store.submit(request)
        if (outcome.kind !== 'done') throw new Error(`${job}: ${JSON.stringify(outcome)}`)
        return
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error
        this.errors.push({ job, error })
        await new Promise(resolve => setTimeout(resolve, this.pause))
      }
    }
  }
}

/** The counters that a store serves, by job. */
export async function steadyCounters(store: PushStore): Promise<Map<string, number>> {
  const lines = exposition(await store.read()).matchAll(
    /^steady\{instance="",job="(.*?)"\} (\S+)$/gm,
  )
  return new Map([...lines].map(([, job, value]) => [job, Number(value)]))
}
