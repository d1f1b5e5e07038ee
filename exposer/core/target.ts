import type { Instant } from '../../shared/base/clock.js'
import { hashOf } from '../../shared/base/murmur2.js'
import type { LabelTail } from '../../shared/exposition/series-lines.js'
import type { Label } from '../../shared/metrics/model.js'
import type { RefusalReason } from '../../shared/snapshot/errors.js'
import { ASSEMBLY_BYTES, type Assembly } from './assembly.js'
import type { HandedTarget } from './handover/thaw.js'
import type { TargetState } from './judge.js'
import type { LayoutBudget } from './layout-budget.js'
import type { Ledger } from './ledger.js'
import type { Playout } from './playout/playout.js'
import { Runs } from './runs.js'
import { type Memory, NO_SIZE, type Size } from './store/memory.js'
import { textBytes } from './store/sizes.js'
import type { Snapshot } from './store/snapshot.js'

/** The last refused snapshot, unless a valid one arrived after it. */
export interface TargetRefusal {
  readonly reason: RefusalReason
  readonly message: string
  /** Log time. */
  readonly at: number
}

/**
 * Estimated bytes of a target object, its ledger and playout delay, and its entries in maps;
 * measured as those in store/sizes.ts.
 */
const OWN_BYTES = 2450
/** Arrays of the playout delay. */
const OWN_BUFFERS = 160
const LABEL_BYTES = 40
const REFUSAL_BYTES = 110
const TAIL_BYTES = 130
const LISTED_BYTES = 120
/** Encoded bytes of labels whose text is cached. */
const MAX_KEPT_LABELS = 256
/** Work on its new layouts. */
const BUDGET_BYTES = 90

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
  incoming: Assembly | null = null

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
  /** Whether it was found in a replay: it existed before this shard was assigned its partition. */
  moved = false
  /** The last state notified to subscribers; null before that, and without subscribers. */
  notifiedState: TargetState | null = null
  /** Label text of the massive view, cached by it. */
  tail: LabelTail | null = null
  /** Line of service discovery, cached by that; its bytes. */
  #listed = 0
  /** Bytes of the labels and of what never changes. */
  readonly #fixed: number
  #counted: Size = NO_SIZE
  #promised = 0
  /** Where the size is counted; null before the target is held, and after it was removed. */
  #memory: Memory | null = null

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
    let fixed = OWN_BYTES + textBytes(key)
    for (const { name, value } of labels) fixed += LABEL_BYTES + textBytes(name) + textBytes(value)
    this.#fixed = fixed
  }

  /** Estimated size without snapshots. */
  get size(): Size {
    const { refusal, tail, incoming, layouts } = this
    const heap =
      this.#fixed +
      this.#listed +
      this.runs.bytes +
      (layouts ? BUDGET_BYTES : 0) +
      (refusal ? REFUSAL_BYTES + textBytes(refusal.message) : 0) +
      (incoming ? ASSEMBLY_BYTES : 0) +
      (tail ? TAIL_BYTES + tail.open.length + tail.closed.length : 0)
    return { heap, buffers: OWN_BUFFERS + this.labelBytes.length }
  }

  /** Whether the label text of the massive view may be cached: it is short. */
  get keepsTail(): boolean {
    return this.labelBytes.length <= MAX_KEPT_LABELS
  }

  /** Asks for keeping its line of service discovery. @returns false if there is no memory for it */
  keepsListed(text: string): boolean {
    const bytes = LISTED_BYTES + textBytes(text)
    if (!this.#memory?.fits(bytes - this.#listed) || !this.keepsTail) return false
    this.#listed = bytes
    this.recount()
    return true
  }

  /** The size with what it reserves, for a target that is not held yet. */
  get need(): Size {
    const { heap, buffers } = this.size
    return { heap: heap + (this.keepsTail ? this.#tailBytes : 0), buffers }
  }

  /** The size as it is counted: zero unless the target is held. */
  get counted(): Size {
    return this.#counted
  }

  /** The target is held from now on: its size is counted. */
  enter(memory: Memory): void {
    this.#memory = memory
    this.recount()
  }

  /** The target was removed. */
  leave(): void {
    this.#countAs(NO_SIZE)
    this.#memory = null
  }

  /** Whether its shard holds it: it was not removed. */
  get isHeld(): boolean {
    return this.#memory !== null
  }

  /** To be called when the size has changed. */
  recount(): void {
    this.#countAs(this.size)
  }

  #countAs(size: Size): void {
    if (!this.#memory) return
    const { heap, buffers } = this.#counted
    this.#memory.add('targets', size.heap - heap, size.buffers - buffers)
    this.#counted = size
    // A scrape of /metrics must not fail for lack of memory because others filled it.
    const promised = size === NO_SIZE || this.tail || !this.keepsTail ? 0 : this.#tailBytes
    this.#memory.promise(promised - this.#promised, 0)
    this.#promised = promised
  }

  /** Estimated bytes of the label text of the massive view: twice the labels, with quotes. */
  get #tailBytes(): number {
    return TAIL_BYTES + 2 * (this.labelBytes.length + 5 * this.labels.length)
  }

  /** Continues as the previous owner of its partition knew it. */
  continueFrom({ incarnation, sequence, arrivedAt, heardAt, playout }: HandedTarget, now: Instant) {
    this.playout.resume(playout, now)
    this.playout.times.retime(this.snapshots, this.playout.delay)
    const { current } = this.runs
    if (current?.incarnation !== incarnation || current.sequence !== sequence) return
    // The log time at which the record arrived may be later than its append time.
    this.arrivedAt = Math.max(this.arrivedAt, arrivedAt)
    this.heardAt = Math.max(this.heardAt, heardAt)
    // Its last record: `heardAt` may be that of another run. One that was outdated was not heard.
    if (current.heardAt > Number.NEGATIVE_INFINITY)
      current.heardAt = Math.max(current.heardAt, arrivedAt)
  }

  get newest(): Snapshot | undefined {
    return this.snapshots[this.snapshots.length - 1]
  }
}
