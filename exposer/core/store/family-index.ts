import { sortSteps } from '../../../shared/base/sort-steps.js'
import type { Steps } from '../../../shared/base/steps.js'
import type { CompiledFamily, CompiledLayout } from './compiled-layout.js'
import { WRITINGS, type Writing, writtenName, writtenNames } from './written-names.js'

/** The families of one name and type, with their layouts. */
export interface IndexedFamily {
  readonly first: CompiledFamily
  readonly members: Map<CompiledLayout, CompiledFamily>
}

interface Group extends IndexedFamily {
  /** Where it has all of its names, and is exposed. */
  readonly exposedIn: Set<Writing>
  /** The name for which it waits, where it is not exposed. */
  readonly blockedBy: Map<Writing, string>
}

/** The names of one writing. */
class Names {
  /** Groups by their names; null for a reserved name. */
  readonly owners = new Map<string, Group | null>()
  /** Groups that wait for a name, in order of arrival. */
  readonly waiting = new Map<string, Set<Group>>()
  /** Exposed groups, sorted by name; null after a change. */
  sorted: readonly [string, IndexedFamily][] | null = null
  /** Changes with the set of exposed groups. */
  version = 0

  changed(): void {
    this.sorted = null
    this.version++
  }
}

/** Families that are added or removed per step. */
const FAMILIES_PER_STEP = 200

/**
 * Layouts by family, for the massive view. A family is omitted in the formats in which its name or
 * the name of one of its series is taken by another family or reserved: the first one keeps it
 * until it is removed. Updated incrementally, because building it takes longer than many scrapes;
 * and in steps, because a layout may have tens of thousands of families.
 */
export class FamilyIndex {
  readonly #groups = new Map<string, Group>()
  readonly #names: ReadonlyMap<Writing, Names> = new Map(
    WRITINGS.map(writing => [writing, new Names()]),
  )
  /** Number of families in the index, of each layout that has any. */
  readonly #indexed = new Map<CompiledLayout, number>()
  /** Layouts whose use has changed. */
  readonly #changed = new Set<CompiledLayout>()

  /** @param reserved names that no family can have */
  constructor(reserved: ReadonlySet<string> = new Set()) {
    for (const { owners } of this.#names.values())
      for (const name of reserved) owners.set(name, null)
  }

  /** Number of families that are omitted in at least one format. */
  get conflicts(): number {
    let count = 0
    for (const { members, blockedBy } of this.#groups.values())
      if (blockedBy.size > 0) count += members.size
    return count
  }

  /** All families, exposed or not. */
  all(): Iterable<IndexedFamily> {
    return this.#groups.values()
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
   * The exposed families, sorted by name. They include those of all layouts that were in use when
   * this was called and still are.
   */
  *familiesSteps(writing: Writing): Steps<readonly [string, IndexedFamily][]> {
    yield* this.updateSteps()
    const names = this.#names.get(writing)!
    if (names.sorted) return names.sorted
    const { version } = names
    const families: [string, IndexedFamily][] = []
    let step = 0
    for (const group of this.#groups.values()) {
      if (group.exposedIn.has(writing)) families.push([writtenName(group.first, writing), group])
      if (++step % (4 * FAMILIES_PER_STEP) === 0) yield
    }
    const sorted = yield* sortSteps(families, ([a], [b]) => (a < b ? -1 : 1))
    // Families may have been added or removed in the meantime.
    if (version === names.version) names.sorted = sorted
    return sorted
  }

  #updateOne(layout: CompiledLayout): void {
    const { families, holders } = layout
    const indexed = this.#indexed.get(layout) ?? 0
    const wanted = holders > 0 ? families.length : 0
    if (indexed === wanted) this.#changed.delete(layout)
    else if (indexed < wanted) {
      this.#add(layout, families[indexed]!)
      this.#indexed.set(layout, indexed + 1)
    } else {
      this.#remove(layout, families[indexed - 1]!)
      if (indexed > 1) this.#indexed.set(layout, indexed - 1)
      else this.#indexed.delete(layout)
    }
  }

  #add(layout: CompiledLayout, family: CompiledFamily): void {
    const key = keyOf(family)
    const known = this.#groups.get(key)
    if (known) {
      known.members.set(layout, family)
      return
    }
    const members = new Map([[layout, family]])
    const group = { first: family, members, exposedIn: new Set<Writing>(), blockedBy: new Map() }
    this.#groups.set(key, group)
    for (const writing of WRITINGS) this.#claim(group, writing)
  }

  #remove(layout: CompiledLayout, family: CompiledFamily): void {
    const key = keyOf(family)
    const group = this.#groups.get(key)
    if (!group?.members.delete(layout) || group.members.size > 0) return
    this.#groups.delete(key)
    for (const [writing, name] of group.blockedBy) this.#leaveQueue(group, writing, name)
    for (const writing of group.exposedIn) this.#giveUp(group, writing)
  }

  /** Takes all names of the group, or waits for the first one that is taken. */
  #claim(group: Group, writing: Writing): void {
    const names = this.#names.get(writing)!
    const { owners, waiting } = names
    const wanted = writtenNames(group.first, writing)
    const taken = wanted.find(name => owners.has(name))
    if (taken !== undefined) {
      group.blockedBy.set(writing, taken)
      const queue = waiting.get(taken)
      if (queue) queue.add(group)
      else waiting.set(taken, new Set([group]))
      return
    }
    for (const name of wanted) owners.set(name, group)
    group.exposedIn.add(writing)
    names.changed()
  }

  /** Gives each name of the group to the first that can use it. */
  #giveUp(group: Group, writing: Writing): void {
    const names = this.#names.get(writing)!
    names.changed()
    const free = writtenNames(group.first, writing)
    for (const name of free) names.owners.delete(name)
    for (const name of free) {
      for (const next of names.waiting.get(name) ?? []) {
        if (names.owners.has(name)) break
        this.#leaveQueue(next, writing, name)
        next.blockedBy.delete(writing)
        this.#claim(next, writing)
      }
    }
  }

  #leaveQueue(group: Group, writing: Writing, name: string): void {
    const { waiting } = this.#names.get(writing)!
    const queue = waiting.get(name)!
    queue.delete(group)
    if (queue.size === 0) waiting.delete(name)
  }
}

/** Families of several layouts with equal keys are merged. */
const keyOf = ({ name, counterSuffix, type }: CompiledFamily) => `${type}${counterSuffix} ${name}`
