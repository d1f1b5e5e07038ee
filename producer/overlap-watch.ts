import type { WritePosition } from '../shared/kafka/sender.js'
import type { LogRecord } from '../shared/kafka/types.js'
import { SnapshotReader } from '../shared/snapshot/read.js'

export interface OverlapWatchOptions {
  readonly incarnation: number
  readonly intervalMs: number
  /** Where the last snapshot of this run is. Undefined before the first one. */
  lastWrite(): WritePosition | undefined
  /**
   * Returns the records of this target from an offset on.
   *
   * @throws Error
   */
  readBack(offset: number, maxBytes: number): Promise<readonly LogRecord[]>
  /**
   * Called after each successful check. Must not throw.
   *
   * @param others incarnations of other runs that published meanwhile
   */
  onChecked(others: ReadonlySet<number>): void
  /** Called once if the target cannot be read: no further checks are made. */
  onUnauthorized(error: Error): void
}

/** Acknowledgements before the first check: a run that this one replaces has stopped by then. */
const FIRST_AFTER = 3
/** Time between two checks, ms. */
const EVERY_MS = 5 * 60_000
/**
 * Time from an acknowledgement to a check, ms. Publishers of one target have the same schedule, so
 * that their snapshots follow each other closely.
 */
const DELAY_MS = 1000
/** Records before the last own one that are read too. */
const RECORDS_BEFORE = 256
const MAX_BYTES = 1024 * 1024

/**
 * Finds out whether another process publishes the same target. After the third acknowledgement, and
 * then every five minutes, it reads the records around its own last one: at most 1 MiB, once.
 */
export class OverlapWatch {
  readonly #reader = new SnapshotReader()
  #acknowledged = 0
  /** The first own snapshot since the partition has changed. */
  #first: WritePosition | undefined
  #timer: NodeJS.Timeout | null = null
  /** Earliest time of the next check, monotonic ms. */
  #notBefore = 0
  #isStopped = false

  constructor(private readonly options: OverlapWatchOptions) {}

  /** To be called when a snapshot was acknowledged. @param mono monotonic ms */
  acknowledged(mono: number): void {
    this.#acknowledged++
    const last = this.options.lastWrite()
    if (this.#first?.partition !== last?.partition) {
      this.#first = last
      this.#acknowledged = 1
    }
    if (this.#acknowledged < FIRST_AFTER || mono < this.#notBefore) return
    if (this.#timer || this.#isStopped) return
    this.#notBefore = mono + EVERY_MS
    this.#timer = setTimeout(
      () => {
        this.#timer = null
        void this.#check()
      },
      Math.min(DELAY_MS, this.options.intervalMs / 4),
    )
    // Do not keep the process alive for this timer.
    this.#timer.unref()
  }

  stop(): void {
    this.#isStopped = true
    if (this.#timer) clearTimeout(this.#timer)
  }

  async #check(): Promise<void> {
    const last = this.options.lastWrite()
    const first = this.#first
    if (!last || first?.partition !== last.partition) return
    try {
      const from = Math.max(first.offset + 1, last.offset - RECORDS_BEFORE)
      const records = await this.options.readBack(from, MAX_BYTES)
      if (!this.#isStopped) this.options.onChecked(this.#othersIn(records))
    } catch (error) {
      const { type } = error as { type?: unknown }
      // Other errors are transient: the next check is due in five minutes.
      if (type !== 'TOPIC_AUTHORIZATION_FAILED' || this.#isStopped) return
      this.stop()
      this.options.onUnauthorized(error as Error)
    }
  }

  /**
   * Incarnations of other runs that have not ended. A run that began in the same millisecond has
   * the own incarnation: two snapshots with the same number, collected at different times, are not
   * of one run.
   */
  #othersIn(records: readonly LogRecord[]): Set<number> {
    const others = new Set<number>()
    const collectedAt = new Map<number, number>()
    const reader = this.#reader
    for (const { value } of records) {
      try {
        reader.open(value!)
      } catch {
        // Exposers refuse it, and count it.
        continue
      }
      const { incarnation, sequence } = reader
      if (incarnation === this.options.incarnation) {
        if ((collectedAt.get(sequence) ?? reader.collectedAt) !== reader.collectedAt)
          others.add(incarnation)
        collectedAt.set(sequence, reader.collectedAt)
        continue
      }
      if (reader.end) others.delete(reader.incarnation)
      else others.add(reader.incarnation)
    }
    return others
  }
}
