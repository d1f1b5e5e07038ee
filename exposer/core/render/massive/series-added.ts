import { PAUSE } from '../../../../shared/exposition/chunks.js'
import { seriesMissing } from '../../series-difference.js'
import type { Snapshot } from '../../store/snapshot.js'
import type { Store } from '../../store/store.js'
import type { Target } from '../../target.js'

/** The ids of a snapshot's layouts: what a scraper was shown must not keep layouts that nobody holds. */
type LayoutIds = readonly string[]

/**
 * Which series each scraper was shown last, so that those that are new to it can be counted, as Prometheus does by its cache of a target:
 * a scrape that failed, or a target that was down meanwhile, does not make old series new.
 */
export class SeriesShown {
  readonly #scrapers = new Map<string, WeakMap<Target, LayoutIds>>()

  /** @param maxScrapers of more, the one that has not asked for longest is forgotten */
  constructor(
    private readonly store: Store,
    private readonly maxScrapers: number,
  ) {}

  /** @param scraper its name, or empty for those who do not say */
  of(scraper: string): ShownTo {
    const known = this.#scrapers.get(scraper)
    const layouts = known ?? new WeakMap<Target, LayoutIds>()
    this.#scrapers.delete(scraper)
    this.#scrapers.set(scraper, layouts)
    if (this.#scrapers.size > this.maxScrapers) {
      const [longest] = this.#scrapers.keys()
      this.#scrapers.delete(longest)
    }
    return new ShownTo(this.store, layouts, known === undefined)
  }
}

export class ShownTo {
  constructor(
    private readonly store: Store,
    private readonly layouts: WeakMap<Target, LayoutIds>,
    private readonly first: boolean,
  ) {}

  /** How many series of these snapshots, one after the other, the one before did not have; of the first, what was shown last. */
  *added(target: Target, snapshots: readonly Snapshot[]): Generator<Buffer, number> {
    let before = this.layouts.get(target)
    let sum = 0
    for (const snapshot of snapshots) {
      const layouts = idsOf(snapshot)
      // A target that moved here was shown elsewhere to a scraper that is not new: its series are not either.
      if (before) sum += yield* this.#difference(before, snapshot)
      else if (this.first || !target.moved) sum += snapshot.series
      before = layouts
    }
    return sum
  }

  remember(target: Target, newest: Snapshot): void {
    this.layouts.set(target, idsOf(newest))
  }

  /** Layouts that are not known any more have no series in common with the snapshot. */
  *#difference(before: LayoutIds, { parts }: Snapshot): Generator<Buffer, number> {
    if (before.length === parts.length && parts.every(({ layout }, i) => layout.id === before[i])) return 0
    const known = before.map(id => this.store.layout(id)).filter(layout => layout !== undefined)
    const layouts = parts.map(part => part.layout)
    const steps = seriesMissing(layouts, known)
    let step = steps.next()
    while (!step.done) {
      yield PAUSE
      step = steps.next()
    }
    return step.value.reduce((sum, indexes) => sum + indexes.length, 0)
  }
}

const idsOf = (snapshot: Snapshot): LayoutIds => snapshot.parts.map(part => part.layout.id)
