import type { Label } from '../../shared/metrics/model.js'
import type { RefusalReason } from '../../shared/snapshot/errors.js'
import type { PartCollector } from '../../shared/snapshot/part-collector.js'
import type { TargetState } from './judge.js'
import type { Ledger } from './ledger.js'
import type { Playout } from './playout/playout.js'
import type { Snapshot, SnapshotPart } from './store/snapshot.js'

/** The last snapshot that was refused, if none came after it that was not. */
export interface TargetRefusal {
  readonly reason: RefusalReason
  readonly message: string
  /** Log time. */
  readonly at: number
  readonly incarnation: number
  readonly sequence: number
  /** How many of this run were refused since the last that was not. */
  readonly count: number
}

/** Its own object with its ledger and playout delay, and its entries in maps. */
const OWN_BYTES = 3300
const LABEL_BYTES = 96

/** One application as Prometheus sees it: its identity, and the snapshots that may still be wanted. */
export class Target {
  readonly labels: readonly Label[]
  /** As they stand in a record: equal bytes need no decoding. */
  readonly labelBytes: Buffer
  /** Its key as latin1 text. */
  readonly key: string
  readonly partition: number

  /** Ascending by collection; the last is the newest, the first what is played or older. Never empty once applied. */
  readonly snapshots: Snapshot[] = []
  /** Where the parts of a split snapshot wait for each other; null as long as none is split. */
  incoming: PartCollector<SnapshotPart> | null = null

  incarnation = -1
  sequence = -1
  superseded = 0
  /** By the producer's clock, not clamped: the next must be above. */
  collectedAt = -1
  intervalMs = 0
  /**
   * Log time at which the last snapshot came: that of its append, or later, when the append was stamped by a clock that is behind
   * the log's, as after a change of leaders.
   */
  cameAt = Number.NEGATIVE_INFINITY
  /** Log time at which it last sent anything, also what was refused. */
  heardAt = Number.NEGATIVE_INFINITY
  refusal: TargetRefusal | null = null
  /** It was there before its partition came to this shard. */
  moved = false
  /** The state that subscribers were told last; null before they were told of it, and without any. */
  told: TargetState | null = null
  /** Cached by the massive view. */
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
    this.labels = labels
    this.labelBytes = labelBytes
    this.partition = partition
  }

  /** What it takes beside its snapshots, about: labels are held as bytes, as objects, in its key, and in the text of a view. */
  get bytes(): number {
    return OWN_BYTES + LABEL_BYTES * this.labels.length + 5 * this.labelBytes.length
  }

  get newest(): Snapshot | undefined {
    return this.snapshots[this.snapshots.length - 1]
  }
}
