import type { DelayDistribution } from '../random.js'

/** Shape of an app's counter. Its value is a function of time: see `counterAt`. */
export type CounterKind = 'constant' | 'bursty'

/** Options of an app process, passed as JSON on its command line. */
export interface AppOptions {
  readonly job: string
  /** Prefix of the `instance` label: target n has the instance `<prefix>-<n>`, counted from 0. */
  readonly instance: string
  /** Number of targets in this process. Each has its own registry and publishers. */
  readonly targets: number
  /** Number of series per target. */
  readonly series: number
  readonly intervalMs: number
  readonly counter: CounterKind
  /** Start of the counters, Unix ms. */
  readonly startMs: number
  readonly brokers: readonly string[]
  /** Topics to publish to, by publisher. Without any, the app is only scraped. */
  readonly topics: { readonly snapshots?: string; readonly naive?: string }
  readonly delay: DelayDistribution
  readonly seed: number
}

export interface AppStats {
  readonly rssBytes: number
  /** Heap used and external memory; after a garbage collection if one was requested. */
  readonly heapBytes: number
  /** Size of the send buffers of all publishers. */
  readonly bufferedBytes: number
  /** Event loop delay since the previous request for statistics, ms. */
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
  /** Snapshots collected. */
  readonly collected: number
  /** Snapshots superseded before they were sent. */
  readonly superseded: number
  readonly sendErrors: number
}
