import type { Instant } from '../../shared/base/clock.js'
import { hashOf } from '../../shared/base/murmur2.js'
import type { Label } from '../../shared/metrics/model.js'
import type { RefusalReason } from '../../shared/snapshot/errors.js'
import type { PartCollector } from '../../shared/snapshot/part-collector.js'
import type { HandedTarget } from './handover/thaw.js'
import type { TargetState } from './judge.js'
import type { LayoutBudget } from './layout-budget.js'
import type { Ledger } from './ledger.js'
import type { Playout } from './playout/playout.js'
import { Runs } from './runs.js'
import type { Snapshot, SnapshotPart } from './store/snapshot.js'

/** The last refused snapshot, unless a valid one arrived after it. */
export interface TargetRefusal {
  readonly reason: RefusalReason
  readonly message: string
  /** Log time. */
  readonly at: number
}

/** Estimated bytes of a target object, its ledger and playout delay, and its entries in maps. */
const OWN_BYTES = 3300
const LABEL_BYTES = 96

/** One target: its labels, its state, and the snapshots that may still be exposed. */
export class Target {
  readonly labels: readonly Label[]
  /** The labels as encoded in a record, to recognise them without decoding. */
  readonly labelBytes: Buffer
  /** The record key as latin1 text. */
  readonly key: string
  /** Hash of the key: its partition is the remainder modulo the number of partitions. */
  readonly hash: number
  readonly partition: number

  /** Ascending by collection time. The first is the exposed one or older. */
  readonly snapshots: Snapshot[] = []
  /** Collects the parts of split snapshots; null before the first split snapshot. */
  incoming: PartCollector<SnapshotPart> | null = null

  readonly runs = new Runs()
  /** Log time of the last part in `incoming`. */
  incomingAt = Number.NEGATIVE_INFINITY

  intervalMs = 0
  /**
   * Log time of the arrival of the newest snapshot. It is later than the append time if the
   * broker's clock is behind the log time, as after a change of the leader.
   */
  arrivedAt = Number.NEGATIVE_INFINITY
  /** Log time of its last record, including refused ones. */
  heardAt = Number.NEGATIVE_INFINITY
  refusal: TargetRefusal | null = null
  /** Work on its new layouts; null before the first one. */
  layouts: LayoutBudget | null = null
  /** Whether it is a target of its partition, and its bytes are counted. */
  admitted = false
  /** Whether it was found in a replay: it existed before this shard was assigned its partition. */
  moved = false
  /** The last state notified to subscribers; null before that, and without subscribers. */
  notifiedState: TargetState | null = null
  /** Label text of the massive view, cached by it. */
  tail: { closed: string; open: string } | null = null

  constructor(
    key: string,
    labels: readonly Label[],
    labelBytes: Buffer,
    partition: number,
    readonly ledger: Ledger,
    readonly playout: Playout,
  ) {
    this.key = key
    this.hash = hashOf(Buffer.from(key, 'latin1'))
    this.labels = labels
    this.labelBytes = labelBytes
    this.partition = partition
  }

  /**
   * Estimated bytes without snapshots. Labels are held as bytes, objects, key and text of the
   * massive view.
   */
  get bytes(): number {
    const labels = LABEL_BYTES * this.labels.length + 5 * this.labelBytes.length
    return OWN_BYTES + labels + this.runs.bytes
  }

  /** Continues as the previous owner of its partition knew it. */
  continueFrom({ incarnation, sequence, arrivedAt, heardAt, playout }: HandedTarget, now: Instant) {
    this.playout.resume(playout, now)
    const { current } = this.runs
    if (current?.incarnation !== incarnation || current.sequence !== sequence) return
    // The log time at which the record arrived may be later than its append time.
    this.arrivedAt = Math.max(this.arrivedAt, arrivedAt)
    this.heardAt = Math.max(this.heardAt, heardAt)
    current.heardAt = Math.max(current.heardAt, heardAt)
  }

  get newest(): Snapshot | undefined {
    return this.snapshots[this.snapshots.length - 1]
  }
}
