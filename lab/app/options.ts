import type { Way } from '../random.js'

/** How a counter goes, as a function of time that everybody can compute. */
export type CounterKind = 'constant' | 'bursty'

/** What an app's process is told. */
export interface AppOptions {
  readonly job: string
  /** `instance` of its targets: this, a dash, and the number from 0. */
  readonly instance: string
  /** Targets in this process, each with a registry and publishers of its own. */
  readonly targets: number
  /** Series of each target. */
  readonly series: number
  readonly intervalMs: number
  readonly counter: CounterKind
  /** Unix ms at which the counters were 0. */
  readonly began: number
  readonly brokers: readonly string[]
  /** Topics to publish to; without any it is only scraped. */
  readonly topics: { readonly ours?: string; readonly naive?: string }
  readonly way: Way
  readonly seed: number
}

export interface AppStats {
  readonly rssBytes: number
  /** Of the heap and external memory, after a collection when one was asked for. */
  readonly heldBytes: number
  /** In the queue of the naive publishers, or waiting in ours. */
  readonly bufferedBytes: number
  /** Of the event loop since the last time somebody asked, ms. */
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
  /** Snapshots. */
  readonly collected: number
  readonly superseded: number
  readonly sendErrors: number
}
