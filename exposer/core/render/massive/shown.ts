import type { LayoutText } from '../../../../shared/exposition/layout-text.js'
import type { LabelTail, SampleTimes } from '../../../../shared/exposition/series-lines.js'
import type { CompiledLayout } from '../../store/compiled-layout.js'
import type { SnapshotPart } from '../../store/snapshot.js'

/** A part of a snapshot with everything that is needed to render the series of a family. */
export interface Shown {
  readonly part: SnapshotPart
  readonly text: LayoutText
  readonly tail: LabelTail
  readonly times: SampleTimes | null
  readonly exemplars: ReadonlyMap<number, string> | null
}

/**
 * The content of a scrape by round and layout. The first round has the first snapshots of all
 * targets, the second their second ones, and so on. The samples of a series thus ascend also if its
 * layout changed in between.
 */
export class Rounds {
  readonly #rounds: Map<CompiledLayout, Shown[]>[] = []

  get all(): readonly ReadonlyMap<CompiledLayout, readonly Shown[]>[] {
    return this.#rounds
  }

  add(round: number, layout: CompiledLayout, shown: Shown): void {
    while (this.#rounds.length <= round) this.#rounds.push(new Map())
    const list = this.#rounds[round].get(layout)
    if (list) list.push(shown)
    else this.#rounds[round].set(layout, [shown])
  }
}
