import type { CompiledLayout } from '../../store/compiled-layout.js'
import type { ShownPart } from '../part-lines.js'

/**
 * The content of a scrape by round and layout. The first round has the first snapshots of all
 * targets, the second their second ones, and so on. The samples of a series thus ascend also if its
 * layout changed in between.
 */
export class Rounds {
  readonly #rounds: Map<CompiledLayout, ShownPart[]>[] = []

  get all(): readonly ReadonlyMap<CompiledLayout, readonly ShownPart[]>[] {
    return this.#rounds
  }

  add(round: number, layout: CompiledLayout, shown: ShownPart): void {
    while (this.#rounds.length <= round) this.#rounds.push(new Map())
    const list = this.#rounds[round].get(layout)
    if (list) list.push(shown)
    else this.#rounds[round].set(layout, [shown])
  }
}
