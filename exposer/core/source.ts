import type { TargetState, Verdict } from './judge.js'
import type { CompiledLayout } from './store/compiled-layout.js'
import type { Snapshot, SnapshotPart } from './store/snapshot.js'
import type { Store } from './store/store.js'
import type { Target } from './target.js'

/**
 * Why a target is no longer the shard's: its partition is another shard's, or its log was replaced; it was not heard of for
 * long; or it ended and its tombstone is over.
 */
export type LeaveReason = 'moved' | 'forgotten' | 'ended'

/**
 * Told what happens to the targets of a shard, as it happens. `Shard.subscribe` begins it.
 *
 * Order: of one target first `onState` from null, then what happens to it, last `onLeft`; a target that comes back begins anew.
 * A transition that a record causes is told before the record's `onApplied`. Of different targets there is no order.
 *
 * Delay: a record tells at once. What time alone does (a target goes stale, ends, is forgotten; its partition is blind or
 * lagging, or has been replayed) is told by the next sweep, so by whoever sweeps the shard. What the target was in between is told
 * with the record that ends it, however short it was: a target that was silent for longer than its window was stale.
 *
 * What may be missed: snapshots of a replay, which belong to the time before this shard; the transition from `replaying` says when
 * it is over, and `target.newest` is then what came last, to be decoded with `Shard.decode`. Times at which a partition was blind or
 * lagging between two sweeps.
 *
 * Ownership: what is handed in may be read during the call. To read a snapshot or a layout later, `acquire` it in the shard's
 * store, and `release` it when done: until then it takes memory, and a snapshot that no scraper was shown is pending in the
 * ledger. A target is an identity: its labels and key stay, what is known of it changes.
 *
 * Calls are synchronous and inside the shard: they do no more than take note. They neither change the shard nor throw; what one
 * throws comes out of the call of the shard that told it.
 */
export interface Subscriber {
  /** The target is of another state now. @param from null when it was not there */
  onState(target: Target, from: TargetState | null, to: Verdict): void
  /**
   * A snapshot, or a failed collection, was applied, and is its target's newest. Its values are decoded.
   *
   * @param before the layouts of the snapshot before, which may be of a replay, in case they are not the same:
   *   `seriesMissing(before, its own)` are the series that left. Null when none left: the layouts are the same, or nothing was
   *   before, or a failed collection.
   */
  onApplied(snapshot: Snapshot, before: readonly CompiledLayout[] | null): void
  /** The target is about to be forgotten: `target.newest` is the last that came. */
  onLeft(target: Target, reason: LeaveReason): void
}

/** What the record that is being applied did. */
interface Note {
  readonly target: Target
  /** What scrapes of the target were told until then. */
  readonly until: Verdict | null
  readonly snapshot: Snapshot | null
  readonly before: readonly CompiledLayout[] | null
}

/** Tells subscribers, and costs nothing without any. */
export class Source {
  readonly #subscribers = new Set<Subscriber>()
  #note: Note | null = null

  constructor(private readonly store: Store) {}

  get active(): boolean {
    return this.#subscribers.size > 0
  }

  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber)
  }

  remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
  }

  /** Something of the target came, and may have changed its state. */
  noteHeard(target: Target): void {
    this.#note = { target, until: null, snapshot: null, before: null }
  }

  /**
   * A snapshot is about to become its target's newest.
   *
   * @param until what scrapes of the target were told until now
   */
  noteApplied(snapshot: Snapshot, until: Verdict): void {
    const { target, parts } = snapshot
    const before = changedLayouts(target.newest, parts)
    for (const layout of before ?? []) this.store.acquire(layout)
    this.#note = { target, until, snapshot, before }
  }

  /** Whether a record was applied that subscribers are to be told of. */
  get noted(): boolean {
    return this.#note !== null
  }

  /**
   * The record has been applied.
   *
   * @param judge what scrapes of its target are told from now on; undefined when it was not let in
   */
  tellNoted(judge: (target: Target) => Verdict | undefined): void {
    const note = this.#note
    if (!note) return
    this.#note = null
    const { target, until, snapshot, before } = note
    try {
      const verdict = judge(target)
      if (!verdict) return
      if (target.told === 'up' && until && until.state !== 'up') this.tellState(target, until)
      this.tellState(target, verdict)
      // What a replay reads belongs to the time before this shard.
      if (!snapshot || snapshot.fate === 'outside') return
      for (const subscriber of this.#subscribers) subscriber.onApplied(snapshot, before)
    } finally {
      for (const layout of before ?? []) this.store.release(layout)
    }
  }

  tellState(target: Target, verdict: Verdict): void {
    const from = target.told
    if (from === verdict.state) return
    target.told = verdict.state
    for (const subscriber of this.#subscribers) subscriber.onState(target, from, verdict)
  }

  tellLeft(target: Target, reason: LeaveReason): void {
    // Nobody knows of one that came and went in one call.
    if (target.told === null) return
    target.told = null
    for (const subscriber of this.#subscribers) subscriber.onLeft(target, reason)
  }
}

function changedLayouts(
  before: Snapshot | undefined,
  parts: readonly SnapshotPart[],
): readonly CompiledLayout[] | null {
  if (!before || before.parts.length === 0) return null
  const same =
    before.parts.length === parts.length && parts.every((part, i) => part.layout === before.parts[i].layout)
  return same ? null : before.parts.map(part => part.layout)
}
