import type { LayoutText } from '../../../../shared/exposition/layout-text.js'
import type { LabelTail } from '../../../../shared/exposition/series-lines.js'
import type { CompiledLayout } from '../../store/compiled-layout.js'
import type { SnapshotPart } from '../../store/snapshot.js'

/** One part of a snapshot, with all that its lines need but the family. */
export interface Shown {
  readonly part: SnapshotPart
  readonly text: LayoutText
  readonly tail: LabelTail
  readonly end: string
  readonly exemplars: ReadonlyMap<number, string> | null
}

/**
 * What a scrape shows, by layout and by round: the first snapshots of all targets, then the second ones, … so that the samples of a series
 * ascend also when its layout changed in between.
 */
export class Rounds {
  readonly #rounds: Map<CompiledLayout, Shown[]>[] = []

  get all(): readonly ReadonlyMap<CompiledLayout, readonly Shown[]>[] {
    return this.#rounds
  }

  add(round: number, layout: CompiledLayout, one: Shown): void {
    while (this.#rounds.length <= round) this.#rounds.push(new Map())
    const list = this.#rounds[round].get(layout)
    if (list) list.push(one)
    else this.#rounds[round].set(layout, [one])
  }
}
