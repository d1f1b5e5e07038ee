import type { CompiledFamily, CompiledLayout } from './compiled-layout.js'

/** The layouts that have a family, and which of theirs it is. */
export interface IndexedFamily {
  readonly first: CompiledFamily
  readonly members: Map<CompiledLayout, CompiledFamily>
  /** Of another type than the first: not shown, because one name cannot have two types. */
  readonly conflicting: Map<CompiledLayout, CompiledFamily>
}

/**
 * The massive view's table of contents: by family name, all layouts that have it. Kept up to date as layouts come and go,
 * because making it anew takes longer than many a scrape.
 */
export class FamilyIndex {
  readonly #families = new Map<string, IndexedFamily>()
  /** Families of names that are the shard's own, left out. */
  #reserved = 0
  #sorted: [string, IndexedFamily][] | null = null

  /** @param reserved names that no application's family may have here */
  constructor(private readonly reserved: ReadonlySet<string> = new Set()) {}

  /** Families left out: another layout has the name with another type, or it is reserved. */
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

  /** Somebody holds the layout, which nobody did. */
  enter(layout: CompiledLayout): void {
    for (const family of layout.families) this.#enter(layout, family)
  }

  /** Nobody holds the layout any more. */
  leave(layout: CompiledLayout): void {
    for (const family of layout.families) this.#leave(layout, exposedName(family))
  }

  #enter(layout: CompiledLayout, family: CompiledFamily): void {
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

  #leave(layout: CompiledLayout, name: string): void {
    if (this.reserved.has(name)) this.#reserved--
    const known = this.#families.get(name)
    if (!known) return
    known.conflicting.delete(layout)
    known.members.delete(layout)
    if (known.members.size > 0) return
    // The type that came first is gone; the next takes its place.
    this.#families.delete(name)
    this.#sorted = null
    for (const [other, family] of known.conflicting) this.#enter(other, family)
  }
}

/** The name that text exposes: what decides whether two families are one. */
function exposedName(family: CompiledFamily): string {
  return family.name + family.counterSuffix
}
