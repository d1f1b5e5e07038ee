import type { TargetState, Verdict } from './judge.js'
import type { CompiledLayout } from './store/compiled-layout.js'
import type { Snapshot, SnapshotPart } from './store/snapshot.js'
import type { Store } from './store/store.js'
import type { Target } from './target.js'

/**
 * Why a target was removed from the shard. `moved`: its partition was lost, or the log was
 * replaced. `forgotten`: it sent no record for long. `ended`: its tombstone has expired.
 */
export type LeaveReason = 'moved' | 'forgotten' | 'ended'

/**
 * Receives the changes of the targets of a shard, after `Shard.subscribe`.
 *
 * Order: for one target, first `onState` from null, then its changes, last `onLeft`. A target that
 * returns begins again. A transition that a record causes precedes the record's `onApplied`. There
 * is no order between targets.
 *
 * Delay: changes by a record are notified at once. Changes by time (a target becomes stale, ends or
 * is removed; its partition becomes blind, lagging or loaded) are notified by the next sweep. If a
 * target was stale between two snapshots, that is notified with the second one at the latest, even
 * if no sweep happened in between.
 *
 * Not notified: snapshots of a replay, which were published before the assignment. The transition
 * from `replaying` marks its end; `target.newest` is then the last snapshot, to be decoded with
 * `Shard.decode`. Also not notified: that a partition was blind or lagging between two sweeps only.
 *
 * Ownership: arguments may be read during the call. To read a snapshot or layout later, `acquire`
 * it in the shard's store and `release` it afterwards. Until then it occupies memory, and a
 * snapshot that was not written to a scraper is pending in the ledger. The labels and key of a
 * target never change; its other fields do.
 *
 * Calls are synchronous, within calls of the shard. Subscribers must be fast, must not change the
 * shard, and must not throw: an exception propagates to the caller of the shard.
 */
export interface Subscriber {
  /**
   * The state of the target has changed.
   *
   * @param from null for a new target
   */
  onState(target: Target, from: TargetState | null, to: Verdict): void
  /**
   * A snapshot or a failed collection was applied and is the newest of its target. Its values are
   * decoded.
   *
   * @param before the layouts of the previous snapshot (possibly of a replay), if they differ:
   *   `seriesMissing(before, its own)` are the series that disappeared. Null if the layouts are the
   * same, or if there was no previous snapshot, or it was a failed collection.
   */
  onApplied(snapshot: Snapshot, before: readonly CompiledLayout[] | null): void
  /**
   * The newest snapshot of a target, from a replay, could not be decoded. It is about to be removed
   * with those before it: the target has no snapshot until the next one.
   */
  onUnreadable(snapshot: Snapshot): void
  /** The target is about to be removed; `target.newest` is its last snapshot. */
  onLeft(target: Target, reason: LeaveReason): void
}

/** Effects of the record that is being applied, to be notified afterwards. */
interface Note {
  readonly target: Target
  /** State of the target before the record; null if the record has not changed it yet. */
  readonly stateBefore: Verdict | null
  readonly snapshot: Snapshot | null
  readonly before: readonly CompiledLayout[] | null
}

/** Notifies subscribers of changes. Costs one comparison per record without subscribers. */
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

  /** A record of the target is being applied and may change its state. */
  noteRecord(target: Target): void {
    this.#note = { target, stateBefore: null, snapshot: null, before: null }
  }

  /**
   * A snapshot is about to become the newest of its target.
   *
   * @param stateBefore state of the target without it
   */
  noteApplied(snapshot: Snapshot, stateBefore: Verdict): void {
    const { target, parts } = snapshot
    const before = changedLayouts(target.newest, parts)
    for (const layout of before ?? []) this.store.acquire(layout)
    this.#note = { target, stateBefore, snapshot, before }
  }

  /** Whether the last record has effects to be notified. */
  get hasNote(): boolean {
    return this.#note !== null
  }

  /**
   * Notifies the effects of the record that has been applied.
   *
   * @param judge returns the current state of its target; undefined if the target was not admitted
   */
  notifyNoted(judge: (target: Target) => Verdict | undefined): void {
    const note = this.#note
    if (!note) return
    this.#note = null
    const { target, stateBefore, snapshot, before } = note
    try {
      const verdict = judge(target)
      if (!verdict) return
      if (target.notifiedState === 'up' && stateBefore && stateBefore.state !== 'up') {
        this.notifyState(target, stateBefore)
      }
      this.notifyState(target, verdict)
      // Snapshots of a replay were published before the assignment.
      if (!snapshot || snapshot.fate === 'outside') return
      for (const subscriber of this.#subscribers) subscriber.onApplied(snapshot, before)
    } finally {
      for (const layout of before ?? []) this.store.release(layout)
    }
  }

  notifyState(target: Target, verdict: Verdict): void {
    const from = target.notifiedState
    if (from === verdict.state) return
    target.notifiedState = verdict.state
    for (const subscriber of this.#subscribers) subscriber.onState(target, from, verdict)
  }

  notifyUnreadable(snapshot: Snapshot): void {
    for (const subscriber of this.#subscribers) subscriber.onUnreadable(snapshot)
  }

  notifyLeft(target: Target, reason: LeaveReason): void {
    // The target was added and removed within one call, without a notification.
    if (target.notifiedState === null) return
    target.notifiedState = null
    for (const subscriber of this.#subscribers) subscriber.onLeft(target, reason)
  }
}

function changedLayouts(
  before: Snapshot | undefined,
  parts: readonly SnapshotPart[],
): readonly CompiledLayout[] | null {
  if (!before || before.parts.length === 0) return null
  const same =
    before.parts.length === parts.length &&
    parts.every((part, i) => part.layout === before.parts[i].layout)
  return same ? null : before.parts.map(part => part.layout)
}
