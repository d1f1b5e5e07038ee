import type { Instant } from '../../../../shared/base/clock.js'
import type { Steps } from '../../../../shared/base/steps.js'
import { Roster } from '../../history/roster.js'
import { seriesMissing } from '../../series-difference.js'
import type { Snapshot } from '../../store/snapshot.js'
import type { Store } from '../../store/store.js'
import type { Target } from '../../target.js'

/** Ids of a snapshot's layouts. Ids instead of layouts, so that they hold no memory. */
type LayoutIds = readonly string[]

/**
 * The series last exposed to each scraper, to count new ones as Prometheus does with its cache of a
 * target: after a failed scrape, or an interval in which the target was down, its series are not
 * new.
 */
export class SeriesShown {
  readonly #scrapers: Roster<WeakMap<Target, LayoutIds>>

  constructor(
    private readonly store: Store,
    maxScrapers: number,
  ) {
    this.#scrapers = new Roster(maxScrapers)
  }

  /**
   * @param scraper value of the parameter `scraper`, or empty; all scrapers without a name share
   * one state. A scraper without a place is always a new one
   */
  of(scraper: string, { mono }: Instant): ShownTo {
    const known = this.#scrapers.get(scraper)
    const layouts = this.#scrapers.open(scraper, mono, () => new WeakMap())
    if (layouts) this.#scrapers.close(scraper)
    return new ShownTo(this.store, layouts ?? new WeakMap(), known === undefined)
  }
}

/** The series last exposed to one scraper. */
export class ShownTo {
  constructor(
    private readonly store: Store,
    private readonly layouts: WeakMap<Target, LayoutIds>,
    private readonly first: boolean,
  ) {}

  /**
   * Number of new series: those of each snapshot that its predecessor does not have. The
   * predecessor of the first is the snapshot last exposed to this scraper.
   */
  *added(target: Target, snapshots: readonly Snapshot[]): Steps<number> {
    let before = this.layouts.get(target)
    let sum = 0
    for (const snapshot of snapshots) {
      const layouts = idsOf(snapshot)
      // A target that moved here was exposed to a known scraper by its previous owner.
      if (before) sum += yield* this.#difference(before, snapshot)
      else if (this.first || !target.moved) sum += snapshot.series
      before = layouts
    }
    return sum
  }

  remember(target: Target, newest: Snapshot): void {
    this.layouts.set(target, idsOf(newest))
  }

  /** Layouts that are no longer in the store count as having no series. */
  *#difference(before: LayoutIds, { parts }: Snapshot): Steps<number> {
    if (before.length === parts.length && parts.every(({ layout }, i) => layout.id === before[i]))
      return 0
    const known = before.map(id => this.store.layout(id)).filter(layout => layout !== undefined)
    const layouts = parts.map(part => part.layout)
    const missing = yield* seriesMissing(layouts, known)
    return missing.reduce((sum, indexes) => sum + indexes.length, 0)
  }
}

const idsOf = (snapshot: Snapshot): LayoutIds => snapshot.parts.map(part => part.layout.id)
