import type { Instant } from '../../../../shared/base/clock.js'
import type { Steps } from '../../../../shared/base/steps.js'
import { bookWritten } from '../../booking.js'
import type { SampleDrop, Span } from '../../history/history.js'
import type { TargetState } from '../../judge.js'
import type { Shard } from '../../shard.js'
import { scrapeBytes } from '../../store/sizes.js'
import type { Snapshot } from '../../store/snapshot.js'
import type { Target } from '../../target.js'

/** The snapshots of one target in a scrape. */
export interface Chosen {
  readonly target: Target
  readonly state: TargetState
  /**
   * Ascending by collection time; without a span the newest only. A failed collection can only be
   * the last.
   */
  readonly snapshots: readonly Snapshot[]
}

/** Targets that are chosen or released per step. */
const TARGETS_PER_STEP = 500

/** Estimated bytes of a target in a scrape. */
const TARGET_BYTES = 250

/** A scrape needs more memory than is left. */
export class NoMemory extends Error {
  override readonly name = 'NoMemory'
}

/** The snapshots of all targets in a scrape. */
export class Choice {
  readonly chosen: Chosen[] = []
  /** Samples held for this scraper that cannot be exposed to it, by reason. */
  readonly omitted = new Map<SampleDrop, number>()
  /** Memory of the scrape until `release`. */
  #bytes = 0

  constructor(
    private readonly shard: Shard,
    private readonly span: Span | undefined,
    private readonly now: Instant,
  ) {}

  /**
   * Chooses and acquires the snapshots. With a span, none that was applied after it was opened: its
   * predecessors would be exposed by the next scrape, and rejected as older.
   *
   * @throws NoMemory when there is no memory for the scrape
   */
  *choose(): Steps<void> {
    let step = 0
    for (const target of this.shard.targets()) {
      this.#chooseOf(target)
      if (++step % TARGETS_PER_STEP === 0) yield
    }
  }

  /**
   * Releases the snapshots.
   *
   * @param written whether the whole response was written to the socket
   */
  *release(written: boolean): Steps<void> {
    let step = 0
    for (const { snapshots } of this.chosen.splice(0)) {
      for (const snapshot of snapshots) {
        if (written) bookWritten(snapshot)
        this.shard.store.release(snapshot)
      }
      if (++step % TARGETS_PER_STEP === 0) yield
    }
    this.shard.store.memory.addResponse('scrapes', -this.#bytes)
    this.#bytes = 0
  }

  #chooseOf(target: Target): void {
    const { shard, span, now } = this
    const { state } = shard.judge(target, now)
    if (state === 'replaying') return
    const oldest = span ? now.wall - shard.options.historyMaxAgeMs : Number.NEGATIVE_INFINITY
    const snapshots = span
      ? ascending(shard.history.unseen(target, span), oldest, this.omitted)
      : []
    const newest = newestOf(target, span)
    const last = snapshots.at(-1)?.collectedAt ?? Number.NEGATIVE_INFINITY
    // A target that is up is always exposed, because Prometheus writes stale markers for missing
    // series. One that is not up is exposed with its unseen snapshots only.
    if (state === 'up' && newest && newest.collectedAt >= oldest && newest.collectedAt > last) {
      snapshots.push(newest)
    }
    // A failed collection has no samples; it is chosen so that its exposition is booked.
    if (state === 'failed' && newest) snapshots.push(newest)
    this.#reserve(bytesOf(snapshots) + (span ? ownTimesBytes(snapshots) : 0))
    for (const snapshot of snapshots) shard.store.acquire(snapshot)
    this.chosen.push({ target, state, snapshots })
  }

  #reserve(bytes: number): void {
    const { memory } = this.shard.store
    if (!memory.makeRoomForResponse(bytes)) {
      throw new NoMemory(
        `no memory is left for this scrape of ${this.shard.targetCount} targets: ${memory.describe()}; raise --memory.limit, or scrape virtual targets`,
      )
    }
    memory.addResponse('scrapes', bytes)
    this.#bytes += bytes
  }
}

/** Without the texts of labels: short ones are part of their targets, others are not held. */
function bytesOf(snapshots: readonly Snapshot[]): number {
  let bytes = TARGET_BYTES
  for (const snapshot of snapshots) bytes += scrapeBytes(snapshot)
  return bytes
}

/** The marks of omitted samples. */
function ownTimesBytes(snapshots: readonly Snapshot[]): number {
  let bytes = 0
  for (const { parts } of snapshots)
    for (const { timestamps, layout } of parts) if (timestamps) bytes += layout.series
  return bytes
}

function newestOf({ snapshots, newest }: Target, span: Span | undefined): Snapshot | undefined {
  if (!span || !newest || newest.position <= span.to) return newest
  return snapshots.findLast(({ position }) => position <= span.to) ?? newest
}

/**
 * Omits snapshots that Prometheus would reject: it rejects samples that are not later than the
 * previous one of the scrape, and a whole scrape with one sample that is too old.
 */
function ascending(
  unseen: readonly Snapshot[],
  oldest: number,
  omitted: Map<SampleDrop, number>,
): Snapshot[] {
  const kept: Snapshot[] = []
  let last = Number.NEGATIVE_INFINITY
  for (const snapshot of unseen) {
    const { collectedAt, series } = snapshot
    const reason =
      collectedAt < oldest ? 'too_old' : collectedAt <= last ? 'not_ascending' : undefined
    if (reason) {
      omitted.set(reason, (omitted.get(reason) ?? 0) + series)
      continue
    }
    kept.push(snapshot)
    last = collectedAt
  }
  return kept
}
