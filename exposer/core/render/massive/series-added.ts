import type { Instant } from '../../../../shared/base/clock.js'
import type { Steps } from '../../../../shared/base/steps.js'
import { Roster } from '../../history/roster.js'
import { seriesMissing } from '../../series-difference.js'
import type { CompiledLayout } from '../../store/compiled-layout.js'
import type { Memory } from '../../store/memory.js'
import type { Snapshot } from '../../store/snapshot.js'
import type { Store } from '../../store/store.js'
import type { Target } from '../../target.js'

/** Ids of a snapshot's layouts. Ids instead of layouts, so that they hold no memory. */
type LayoutIds = readonly string[]

/** Estimated bytes of an entry with its list, and of each id in it. */
const ENTRY_BYTES = 90
const ID_BYTES = 8

const bytesOf = (ids: LayoutIds) => ENTRY_BYTES + ID_BYTES * ids.length

/** What was exposed to a scraper, by target. */
class Shown {
  readonly #ids = new Map<Target, LayoutIds>()
  #bytes = 0

  constructor(private readonly memory: Memory) {}

  get(target: Target): LayoutIds | undefined {
    return this.#ids.get(target)
  }

  /** Does nothing without memory for it. */
  set(target: Target, ids: LayoutIds): void {
    this.delete(target)
    if (!this.memory.fitsResponse(bytesOf(ids))) return
    this.#ids.set(target, ids)
    this.#grow(bytesOf(ids))
  }

  delete(target: Target): void {
    const ids = this.#ids.get(target)
    if (!ids) return
    this.#ids.delete(target)
    this.#grow(-bytesOf(ids))
  }

  clear(): void {
    this.#ids.clear()
    this.#grow(-this.#bytes)
  }

  #grow(bytes: number): void {
    this.#bytes += bytes
    this.memory.addResponse('scrapes', bytes)
  }
}

/**
 * The series last exposed to each scraper, to count new ones as Prometheus does with its cache of a
 * target: after a failed scrape, or an interval in which the target was down, its series are not
 * new.
 */
export class SeriesShown {
  readonly #scrapers: Roster<Shown>

  constructor(
    private readonly store: Store,
    maxScrapers: number,
  ) {
    this.#scrapers = new Roster(maxScrapers, shown => shown.clear())
  }

  /**
   * @param scraper value of the parameter `scraper`, or empty; all scrapers without a name share
   * one state. A scraper without a place is always a new one
   */
  of(scraper: string, { mono }: Instant): ShownTo {
    const known = this.#scrapers.get(scraper)
    const shown = this.#scrapers.open(scraper, mono, () => new Shown(this.store.memory))
    if (shown) this.#scrapers.close(scraper)
    const current = () => (this.#scrapers.get(scraper) === shown ? shown : undefined)
    return new ShownTo(this.store, shown, known === undefined, current)
  }

  /** The target was removed. */
  forget(target: Target): void {
    for (const shown of this.#scrapers.values()) shown.delete(target)
  }
}

/** The series last exposed to one scraper. */
export class ShownTo {
  constructor(
    private readonly store: Store,
    private readonly shown: Shown | undefined,
    private readonly first: boolean,
    /** The same, unless the scraper has left its place. */
    private readonly current: () => Shown | undefined,
  ) {}

  /**
   * Number of new series: those of each snapshot that its predecessor does not have. The
   * predecessor of the first is the snapshot last exposed to this scraper.
   */
  *added(target: Target, snapshots: readonly Snapshot[]): Steps<number> {
    let before = this.shown?.get(target)
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

  /** Without memory for it, the series of the target count as new at the next scrape. */
  remember(target: Target, newest: Snapshot): void {
    // What was removed meanwhile is not remembered.
    if (target.isHeld) this.current()?.set(target, idsOf(newest))
  }

  /** Layouts that are no longer in the store count as having no series. */
  *#difference(before: LayoutIds, { parts }: Snapshot): Steps<number> {
    if (before.length === parts.length && parts.every(({ layout }, i) => layout.id === before[i]))
      return 0
    const known = before.map(id => this.store.layout(id)).filter(layout => layout !== undefined)
    const layouts = parts.map(part => part.layout)
    const { memory } = this.store
    const scratch = known.reduce((sum, layout) => sum + SCRATCH_BYTES * layout.series, 0)
    if (!memory.fitsResponse(scratch)) return growthOf(layouts, known)
    memory.addResponse('scrapes', scratch)
    try {
      const missing = yield* seriesMissing(layouts, known)
      return missing.reduce((sum, indexes) => sum + indexes.length, 0)
    } finally {
      memory.addResponse('scrapes', -scratch)
    }
  }
}

/** Estimated bytes for each series that is compared. */
const SCRATCH_BYTES = 100

/** The least number of new series, for when there is no memory to compare them. */
function growthOf(layouts: readonly CompiledLayout[], before: readonly CompiledLayout[]): number {
  const seriesOf = (all: readonly CompiledLayout[]) =>
    all.reduce((sum, layout) => sum + layout.series, 0)
  return Math.max(0, seriesOf(layouts) - seriesOf(before))
}

const idsOf = (snapshot: Snapshot): LayoutIds => snapshot.parts.map(part => part.layout.id)
