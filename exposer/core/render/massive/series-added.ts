import { PAUSE } from '../../../../shared/exposition/chunks.js'
import { BLOCK } from '../../../../shared/exposition/layout-text.js'
import type { CompiledLayout } from '../../store/compiled-layout.js'
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
    const after = parts.map(part => part.layout)
    return yield* difference(known, after)
  }
}

const idsOf = (snapshot: Snapshot): LayoutIds => snapshot.parts.map(part => part.layout.id)

/** Series between two places where others have the event loop. */
const STEP = 5000

/** @param after held by the caller; `before` may be given up in a pause, which its texts survive */
function* difference(
  before: readonly CompiledLayout[],
  after: readonly CompiledLayout[],
): Generator<Buffer, number> {
  let step = 0
  const known = new Set<string>()
  for (const head of headsOf(before)) {
    known.add(head)
    if (++step % STEP === 0) yield PAUSE
  }
  let added = 0
  for (const head of headsOf(after)) {
    if (!known.has(head)) added++
    if (++step % STEP === 0) yield PAUSE
  }
  return added
}

/** The name and labels of each series, as text. */
function* headsOf(layouts: readonly CompiledLayout[]): Generator<string> {
  for (const layout of layouts) {
    const { blocks, offsets } = layout.text('allow-utf-8')
    for (let i = 0; i < layout.series; i++) {
      const first = i - (i % BLOCK)
      yield blocks[first / BLOCK].slice(offsets[i] - offsets[first], offsets[i + 1] - offsets[first])
    }
  }
}
