import type { Clock } from '../../shared/base/clock.js'
import { settlesWithin } from '../../shared/base/deadline.js'
import type { Label } from '../../shared/metrics/model.js'
import type { Collected } from '../../shared/publish/publications.js'
import { type Collector, SnapshotLoop } from '../../shared/publish/snapshot-loop.js'
import type { Sink, SinkCounts, TargetSink } from './sink.js'

export interface TargetOptions {
  /** Sorted by name. */
  readonly labels: readonly Label[]
  readonly key: Buffer
  readonly intervalMs: number
  readonly collector: Collector
  /** Collect at once, and not first when it is due. */
  readonly immediate: boolean
  /** The target ends with this program, which belongs to it. */
  readonly endsWithProgram: boolean
}

/** The result of the last collection. */
export interface TargetStatus {
  readonly health: 'unknown' | 'up' | 'down'
  /** Empty if the last collection did not fail. */
  readonly lastError: string
  /** Unix ms; 0 before the first collection. */
  readonly lastCollection: number
  readonly lastDurationSeconds: number
  /** Series of the last snapshot. */
  readonly series: number
}

const NEW: TargetStatus = {
  health: 'unknown',
  lastError: '',
  lastCollection: 0,
  lastDurationSeconds: 0,
  series: 0,
}

/**
 * Share of the deadline of an end for a collection in progress, and for the final one: when both
 * hang, half of the deadline is left for the delivery.
 */
const COLLECTION_SHARE = 0.25

/** Collects one target on schedule and delivers the results. */
export class RunningTarget {
  readonly #loop: SnapshotLoop
  readonly #sink: TargetSink
  #status = NEW
  #collections = 0
  #failures = 0
  #isStopped = false

  constructor(
    readonly options: TargetOptions,
    sink: Sink,
    clock: Clock,
    private readonly onFailed: (target: RunningTarget, error: Error) => void,
  ) {
    const { labels, key, intervalMs, collector, immediate } = options
    this.#sink = sink.open({ labels, key })
    this.#loop = new SnapshotLoop({
      target: labels,
      key,
      intervalMs,
      collector,
      clock,
      first: immediate ? 'now' : 'scheduled',
      offer: collected => this.#offer(collected),
      collectionFailed: error => this.#failed(error),
    })
  }

  get status(): TargetStatus {
    return this.#status
  }

  get counts(): SinkCounts {
    return this.#sink.counts
  }

  get collections(): number {
    return this.#collections
  }

  get failures(): number {
    return this.#failures
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  start(): void {
    this.#loop.start()
  }

  /**
   * Ends the run with a final collection, and waits until it is delivered.
   *
   * @param deadlineMs of all of it
   */
  async end(deadlineMs: number): Promise<void> {
    const ending = async () => {
      await this.#loop.end(deadlineMs * COLLECTION_SHARE)
      await this.#sink.drain()
    }
    await settlesWithin(deadlineMs, ending())
    this.stop()
  }

  /** Stops without an end of the run. */
  stop(): void {
    this.#isStopped = true
    this.#loop.stop()
    this.#sink.close()
  }

  #offer(collected: Collected): void {
    const { result, collection, end } = collected
    const isFailed = result instanceof Error
    this.#collections++
    if (!end || isFailed)
      this.#status = {
        health: isFailed ? 'down' : 'up',
        lastError: isFailed ? result.message : '',
        lastCollection: collection.collectedAt,
        lastDurationSeconds: collection.collectSeconds,
        series: isFailed ? 0 : result.values.length,
      }
    this.#sink.offer(collected)
  }

  #failed(error: Error): void {
    this.#failures++
    this.onFailed(this, error)
  }
}
