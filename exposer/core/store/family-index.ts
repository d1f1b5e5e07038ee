import type { CompiledFamily, CompiledLayout } from './compiled-layout.js'

/** The layouts with a family of one name. */
export interface IndexedFamily {
  readonly first: CompiledFamily
  readonly members: Map<CompiledLayout, CompiledFamily>
  /** Families of another type than the first. They are not exposed, because a name has one type. */
  readonly conflicting: Map<CompiledLayout, CompiledFamily>
}

/**
 * Layouts by family name, for the massive view. Updated incrementally, because building it takes
 * longer than many scrapes.
 */
export class FamilyIndex {
  readonly #families = new Map<string, IndexedFamily>()
  /** Number of omitted families with a reserved name. */
  #reserved = 0
  #sorted: [string, IndexedFamily][] | null = null

  /** @param reserved names of families that are omitted */
  constructor(private readonly reserved: ReadonlySet<string> = new Set()) {}

  /** Number of omitted families: their name is reserved, or has another type in another layout. */
  get conflicts(): number {
    let count = this.#reserved
    for (const family of this.#families.values()) count += family.conflicting.size
    return count
  }

  /** Sorted by name. */
  families(): readonly [string, IndexedFamily][] {
    this.#sorted ??= [...this.#families].sort(([a], [b]) => (a < b ? -1 : 1))
    return this.#sorted
  }

  /** Adds a layout at its first acquisition. */
  add(layout: CompiledLayout): void {
    for (const family of layout.families) this.#add(layout, family)
  }

  /** Removes a layout at its last release. */
  remove(layout: CompiledLayout): void {
    for (const family of layout.families) this.#remove(layout, exposedName(family))
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
      this.#sorted = null
    } else if (known.first.type === family.type) known.members.set(layout, family)
    else known.conflicting.set(layout, family)
  }

  #remove(layout: CompiledLayout, name: string): void {
    if (this.reserved.has(name)) this.#reserved--
    const known = this.#families.get(name)
    if (!known) return
    known.conflicting.delete(layout)
    known.members.delete(layout)
    if (known.members.size > 0) return
    // The last family of the first type was removed: the next type takes its place.
    this.#families.delete(name)
    this.#sorted = null
    for (const [other, family] of known.conflicting) this.#add(other, family)
  }
}

/** The name of the family in the text format, by which families of several layouts are merged. */
function exposedName(family: CompiledFamily): string {
  return family.name + family.counterSuffix
}
