import { sortSteps } from '../../../shared/base/sort-steps.js'
import type { Steps } from '../../../shared/base/steps.js'
import type { CompiledFamily, CompiledLayout } from './compiled-layout.js'
import { allNames, WRITINGS, type Writing, writtenName, writtenNames } from './written-names.js'

/** The families of one name and type, with their layouts. */
export interface IndexedFamily {
  readonly first: CompiledFamily
  readonly members: Map<CompiledLayout, CompiledFamily>
}

interface Group extends IndexedFamily {
  /** Where it has all of its names and is exposed. */
  readonly exposed: Set<Writing>
  /** The name for which it waits, where it is not exposed. */
  readonly blockedBy: Map<Writing, string>
}

/** A name that several groups have in some writing, or that is reserved. */
interface Contested {
  readonly owners: Map<Writing, Group | null>
  /** Groups that wait for the name, in order of arrival. */
  readonly waiting: Map<Writing, Set<Group>>
}

/** Families that are added or removed per step. */
const FAMILIES_PER_STEP = 200

/** Of groups without a conflict, which are almost all: shared, to save memory. */
const EVERYWHERE: ReadonlySet<Writing> = new Set(WRITINGS)
const NOWHERE: ReadonlyMap<Writing, string> = new Map()

/**
 * Layouts by family, for the massive view. A family is omitted in the formats in which its name or
 * the name of one of its series is taken by another family or reserved: the first one keeps it
 * until it is removed. Updated incrementally, because building it takes longer than many scrapes;
 * and in steps, because a layout may have tens of thousands of families.
 */
export class FamilyIndex {
  readonly #groups = new Map<string, Group>()
  /** The only group that has a name in any writing, or who contests it. */
  readonly #names = new Map<string, Group | Contested>()
  readonly #sorted = new Map<Writing, readonly [string, IndexedFamily][]>()
  /** Changes with the set of groups. */
  #version = 0
  /** Number of families in the index, of each layout that has any. */
  readonly #indexed = new Map<CompiledLayout, number>()
  /** Layouts whose use has changed. */
  readonly #changed = new Set<CompiledLayout>()

  /** @param reserved names that no family can have */
  constructor(reserved: ReadonlySet<string> = new Set()) {
    for (const name of reserved) {
      const owners = new Map<Writing, null>(WRITINGS.map(writing => [writing, null]))
      this.#names.set(name, { owners, waiting: new Map() })
    }
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
    const known = this.#sorted.get(writing)
    if (known) return known
    const version = this.#version
    const list: [string, IndexedFamily][] = []
    let step = 0
    for (const group of this.#groups.values()) {
      if (group.exposed.has(writing)) list.push([writtenName(group.first, writing), group])
      if (++step % (4 * FAMILIES_PER_STEP) === 0) yield
    }
    const sorted = yield* sortSteps(list, ([a], [b]) => (a < b ? -1 : 1))
    // Families may have been added or removed in the meantime.
    if (version === this.#version) this.#sorted.set(writing, sorted)
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
    if (known) known.members.set(layout, family)
    else this.#groups.set(key, this.#addGroup(layout, family))
  }

  #remove(layout: CompiledLayout, family: CompiledFamily): void {
    const key = keyOf(family)
    const group = this.#groups.get(key)
    if (!group?.members.delete(layout) || group.members.size > 0) return
    this.#groups.delete(key)
    this.#removeGroup(group)
  }

  #groupsChanged(): void {
    this.#sorted.clear()
    this.#version++
  }

  #addGroup(layout: CompiledLayout, family: CompiledFamily): Group {
    this.#groupsChanged()
    const members = new Map([[layout, family]])
    const names = allNames(family)
    if (!names.some(name => this.#names.has(name))) {
      const group = { first: family, members, exposed: EVERYWHERE, blockedBy: NOWHERE } as Group
      for (const name of names) this.#names.set(name, group)
      return group
    }
    const group: Group = { first: family, members, exposed: new Set(), blockedBy: new Map() }
    for (const name of names) this.#contest(name)
    for (const writing of WRITINGS) this.#claim(group, writing)
    return group
  }

  #removeGroup(group: Group): void {
    this.#groupsChanged()
    for (const [writing, name] of group.blockedBy) this.#leaveQueue(group, writing, name)
    const freed: [string, Contested, Writing][] = []
    const names = allNames(group.first)
    for (const name of names) {
      const entry = this.#names.get(name)
      if (entry === group) this.#names.delete(name)
      else if (entry && 'owners' in entry) {
        for (const [writing, owner] of entry.owners)
          if (owner === group) freed.push([name, entry, writing])
      }
    }
    for (const [, { owners }, writing] of freed) owners.delete(writing)
    for (const [name, entry, writing] of freed) this.#grant(name, entry, writing)
    for (const name of names) {
      const entry = this.#names.get(name)
      if (entry && 'owners' in entry && entry.owners.size === 0 && entry.waiting.size === 0)
        this.#names.delete(name)
    }
  }

  /** Makes a name contested, if it is not. */
  #contest(name: string): Contested {
    const entry = this.#names.get(name)
    if (entry && 'owners' in entry) return entry
    const contested: Contested = { owners: new Map(), waiting: new Map() }
    if (entry) {
      for (const writing of WRITINGS)
        if (writtenNames(entry.first, writing).includes(name)) contested.owners.set(writing, entry)
      // Its sets are shared with other groups; from now on it has its own.
      Object.assign(entry, { exposed: new Set(entry.exposed), blockedBy: new Map(entry.blockedBy) })
    }
    this.#names.set(name, contested)
    return contested
  }

  /** Takes all names of the group, or waits for the first one that is taken. */
  #claim(group: Group, writing: Writing): void {
    const wanted = writtenNames(group.first, writing)
    for (const name of wanted) {
      const { owners, waiting } = this.#contest(name)
      if (!owners.has(writing)) continue
      group.blockedBy.set(writing, name)
      const queue = waiting.get(writing)
      if (queue) queue.add(group)
      else waiting.set(writing, new Set([group]))
      return
    }
    for (const name of wanted) this.#contest(name).owners.set(writing, group)
    group.exposed.add(writing)
  }

  /** Gives a free name to the first group that can use it. */
  #grant(name: string, { owners, waiting }: Contested, writing: Writing): void {
    for (const next of waiting.get(writing) ?? []) {
      if (owners.has(writing)) return
      this.#leaveQueue(next, writing, name)
      next.blockedBy.delete(writing)
      this.#claim(next, writing)
    }
  }

  #leaveQueue(group: Group, writing: Writing, name: string): void {
    const { waiting } = this.#contest(name)
    const queue = waiting.get(writing)
    queue?.delete(group)
    if (queue?.size === 0) waiting.delete(writing)
  }
}

/** Families of several layouts with equal keys are merged. */
const keyOf = ({ name, counterSuffix, type }: CompiledFamily) => `${type}${counterSuffix} ${name}`
