import { sortSteps } from '../../../shared/base/sort-steps.js'
import type { Steps } from '../../../shared/base/steps.js'
import type { CompiledFamily, CompiledLayout } from './compiled-layout.js'

/** The layouts with a family of one name. */
export interface IndexedFamily {
  readonly first: CompiledFamily
  readonly members: Map<CompiledLayout, CompiledFamily>
  /** Families of another type than the first. They are not exposed, because a name has one type. */
  readonly conflicting: Map<CompiledLayout, CompiledFamily>
}

/** Families that are added or removed per step. */
const FAMILIES_PER_STEP = 500

/**
 * Layouts in use by family name, for the massive view. Updated incrementally, because building it
 * takes longer than many scrapes; and in steps, because a layout may have tens of thousands of
 * families.
 */
export class FamilyIndex {
  readonly #families = new Map<string, IndexedFamily>()
  /** Number of families in the index, of each layout that has any. */
  readonly #indexed = new Map<CompiledLayout, number>()
  /** Layouts whose use has changed. */
  readonly #changed = new Set<CompiledLayout>()
  /** Number of omitted families with a reserved name. */
  #reserved = 0
  #conflicting = 0
  /** Changes with the set of names. */
  #version = 0
  #sorted: readonly [string, IndexedFamily][] | null = null

  /** @param reserved names of families that are omitted */
  constructor(private readonly reserved: ReadonlySet<string> = new Set()) {}

  /** Number of omitted families: their name is reserved, or has another type in another layout. */
  get conflicts(): number {
    return this.#reserved + this.#conflicting
  }

  /** The first holder of a layout has acquired it, or the last one has released it. */
  note(layout: CompiledLayout): void {
    if (layout.holders > 0 || this.#indexed.has(layout)) this.#changed.add(layout)
    else this.#changed.delete(layout)
  }

  /** Adds the layouts that are in use, and removes those that are not. */
  *updateSteps(): Steps<void> {
    let step = 0
    for (const layout of this.#changed) {
      while (this.#changed.has(layout)) {
        this.#updateOne(layout)
        if (++step % FAMILIES_PER_STEP === 0) yield
      }
    }
  }

  /**
   * The families sorted by name. They include those of all layouts that were in use when this was
   * called and still are.
   */
  *familiesSteps(): Steps<readonly [string, IndexedFamily][]> {
    yield* this.updateSteps()
    if (this.#sorted) return this.#sorted
    const version = this.#version
    const families: [string, IndexedFamily][] = []
    for (const family of this.#families)
      if (families.push(family) % (4 * FAMILIES_PER_STEP) === 0) yield
    const sorted = yield* sortSteps(families, ([a], [b]) => (a < b ? -1 : 1))
    // Families may have been added or removed in the meantime.
    if (version === this.#version) this.#sorted = sorted
    return sorted
  }

  #updateOne(layout: CompiledLayout): void {
    const { families, holders } = layout
    const indexed = this.#indexed.get(layout) ?? 0
    const wanted = holders > 0 ? families.length : 0
    if (indexed === wanted) this.#changed.delete(layout)
    else if (indexed < wanted) {
      this.#add(layout, families[indexed])
      this.#indexed.set(layout, indexed + 1)
    } else {
      this.#remove(layout, families[indexed - 1])
      if (indexed > 1) this.#indexed.set(layout, indexed - 1)
      else this.#indexed.delete(layout)
    }
  }

  #add(layout: CompiledLayout, family: CompiledFamily): void {
    const name = exposedName(family)
    if (this.reserved.has(name)) {
      this.#reserved++
      return
    }
    const known = this.#families.get(name)
    if (!known) {
      this.#families.set(name, {
        first: family,
        members: new Map([[layout, family]]),
        conflicting: new Map(),
      })
      this.#namesChanged()
    } else if (known.first.type === family.type) known.members.set(layout, family)
    else {
      known.conflicting.set(layout, family)
      this.#conflicting++
    }
  }

  #remove(layout: CompiledLayout, family: CompiledFamily): void {
    const name = exposedName(family)
    if (this.reserved.has(name)) {
      this.#reserved--
      return
    }
    const known = this.#families.get(name)
    if (!known) return
    // A layout may have two families of different types with one exposed name.
    if (known.conflicting.get(layout) === family) {
      known.conflicting.delete(layout)
      this.#conflicting--
      return
    }
    known.members.delete(layout)
    if (known.members.size > 0) return
    // The last family of the first type was removed: the next type takes its place.
    this.#families.delete(name)
    this.#namesChanged()
    this.#conflicting -= known.conflicting.size
    for (const [other, conflicting] of known.conflicting) this.#add(other, conflicting)
  }

  #namesChanged(): void {
    this.#sorted = null
    this.#version++
  }
}

/** The name of the family in the text format, by which families of several layouts are merged. */
function exposedName(family: CompiledFamily): string {
  return family.name + family.counterSuffix
}
