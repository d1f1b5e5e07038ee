import { expect } from 'vitest'
import type { TargetState, Verdict } from '../../exposer/core/judge.js'
import { seriesMissing } from '../../exposer/core/series-difference.js'
import type { Shard } from '../../exposer/core/shard.js'
import type { LeaveReason, Subscriber } from '../../exposer/core/source.js'
import type { CompiledLayout } from '../../exposer/core/store/compiled-layout.js'
import type { Snapshot } from '../../exposer/core/store/snapshot.js'
import type { Target } from '../../exposer/core/target.js'
import type { Instant } from '../../shared/base/clock.js'
import { runNow } from '../../shared/base/steps.js'
import { BLOCK } from '../../shared/exposition/layout-text.js'

/** The state of a target as derived from events alone. */
interface Known {
  state: TargetState
  /** Series of the newest snapshot. Empty before the first one, and while collections fail. */
  series: Set<string>
  newest: Snapshot | undefined
}

/**
 * A subscriber that derives the state of all targets from events, and compares it with the shard.
 */
export class ShardFold implements Subscriber {
  readonly targets = new Map<string, Known>()
  readonly left: LeaveReason[] = []
  readonly transitions: string[] = []
  applied = 0

  constructor(private readonly shard: Shard) {}

  onState(target: Target, from: TargetState | null, { state }: Verdict): void {
    const known = this.targets.get(target.key)
    expect(from).toBe(known?.state ?? null)
    expect(from).not.toBe(state)
    this.transitions.push(`${from}→${state}`)
    if (known) known.state = state
    // A target from before the subscription, or from a replay, already has its newest snapshot.
    else this.targets.set(target.key, { state, series: new Set(), newest: undefined })
    if (from === 'replaying' || from === null) this.#adopt(target)
  }

  onApplied(snapshot: Snapshot, before: readonly CompiledLayout[] | null): void {
    this.applied++
    const known = this.targets.get(snapshot.target.key)!
    expect(known).toBeDefined()
    expect(snapshot.target.newest).toBe(snapshot)
    expect(snapshot.parts.every(part => part.values !== null)).toBe(true)
    const layouts = layoutsOf(snapshot)
    // The record that ends a replay causes an event for the target and then one for the snapshot.
    const adopted = known.newest === snapshot
    for (const [i, indexes] of before ? runNow(seriesMissing(before, layouts)).entries() : []) {
      for (const index of indexes)
        expect(known.series.delete(headOf(before![i], index))).toBe(!adopted)
    }
    if (snapshot.failure !== null) known.series.clear()
    for (const head of headsOf(layouts)) known.series.add(head)
    known.newest = snapshot
  }

  onUnreadable({ target }: Snapshot): void {
    const known = this.targets.get(target.key)!
    known.series.clear()
    known.newest = undefined
  }

  onLeft(target: Target, reason: LeaveReason): void {
    expect(this.targets.delete(target.key)).toBe(true)
    this.left.push(reason)
  }

  /**
   * @param swept whether nothing has happened since the last sweep, so that the states are equal
   *   too
   */
  expectSame(now: Instant, swept: boolean): void {
    const targets = [...this.shard.targets()]
    expect([...this.targets.keys()].sort()).toEqual(targets.map(target => target.key).sort())
    for (const target of targets) {
      const { state, series, newest } = this.targets.get(target.key)!
      if (swept) expect(state).toBe(this.shard.judge(target, now).state)
      if (state === 'replaying' || !target.newest) continue
      expect(newest).toBe(target.newest)
      expect([...series].sort()).toEqual([...headsOf(layoutsOf(target.newest))].sort())
    }
  }

  #adopt({ key, newest }: Target): void {
    const known = this.targets.get(key)!
    known.series = new Set(newest ? headsOf(layoutsOf(newest)) : [])
    known.newest = newest
  }
}

const layoutsOf = (snapshot: Snapshot) => snapshot.parts.map(part => part.layout)

function* headsOf(layouts: readonly CompiledLayout[]): Generator<string> {
  for (const layout of layouts) for (let i = 0; i < layout.series; i++) yield headOf(layout, i)
}

function headOf(layout: CompiledLayout, index: number): string {
  const { blocks, offsets } = layout.plain
  const first = index - (index % BLOCK)
  return blocks[first / BLOCK].slice(
    offsets[index] - offsets[first],
    offsets[index + 1] - offsets[first],
  )
}
