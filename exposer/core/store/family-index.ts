import { sortSteps } from '../../../shared/base/sort-steps.js'
import type { Steps } from '../../../shared/base/steps.js'
import type { CompiledFamily, CompiledLayout } from './compiled-layout.js'
import { textBytes } from './sizes.js'
import { allNames, WRITINGS, type Writing, writtenName, writtenNames } from './written-names.js'

/** Estimated bytes of a family with its maps, measured as those in sizes.ts. */
const GROUP_BYTES = 380
/** Of its entry for a layout, and for each of its names. */
const ENTRY_BYTES = 36
const NAME_BYTES = 40
/** Of its place in a sorted list. */
const LISTED_BYTES = 60
/** Of the sets of a family whose names are contested, and of each such name. */
const SETS_BYTES = 400
const CONTESTED_BYTES = 500
/** Of a writing in which it waits for a name. */
const WAITING_BYTES = 115

/**
 * Whom the index tells about its memory. What a layout will need at most is promised until the
 * layout was added in steps.
 */
export interface IndexMemory {
  add(bytes: number): void
  promise(bytes: number): void
  /** Nothing in the index refers to the layout any more. */
  onLeft(layout: CompiledLayout): void
}

const UNCOUNTED: IndexMemory = { add() {}, promise() {}, onLeft() {} }

/** The families of one name and type, with their layouts. */
export interface IndexedFamily {
  /** One of the members. */
  readonly first: CompiledFamily
  readonly members: Map<CompiledLayout, CompiledFamily>
}

interface Group extends IndexedFamily {
  first: CompiledFamily
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

/** Families that are added or removed per step. One with contested names takes 20 µs. */
const FAMILIES_PER_STEP = 50
/** Families that are added at once: some tenths of a millisecond, a millisecond if all are contested. */
const FAMILIES_AT_ONCE = 50
/** Families that are offered a free name at once. Any number may wait for the same one. */
const OFFERED_AT_ONCE = 50
/** What a family needs at most without a conflict, besides the text of long names. */
export const GROUP_NEED = 1000

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
  /** Layouts in use that are not added yet, with what they may need. */
  readonly #adding = new Map<CompiledLayout, number>()
  /** Layouts that are not in use, and not removed yet. */
  readonly #removing = new Set<CompiledLayout>()
  /** Free names that were not offered to all who wait for them, with the writings in which. */
  readonly #offering = new Map<string, Set<Writing>>()
  #bytes = 0
  #conflicts = 0

  /** @param reserved names that no family can have */
  constructor(
    reserved: ReadonlySet<string> = new Set(),
    private readonly memory = UNCOUNTED,
  ) {
    for (const name of reserved) {
      const owners = new Map<Writing, null>(WRITINGS.map(writing => [writing, null]))
      this.#names.set(name, { owners, waiting: new Map() })
    }
  }

  /** Estimated bytes on the heap. */
  get bytes(): number {
    return this.#bytes
  }

  /** Number of families that are omitted in at least one format. */
  get conflicts(): number {
    return this.#conflicts
  }

  /** All families, exposed or not. */
  all(): Iterable<IndexedFamily> {
    return this.#groups.values()
  }

  /** Whether the index refers to the layout. */
  has(layout: CompiledLayout): boolean {
    return this.#indexed.has(layout)
  }

  /**
   * The first holder of a layout has acquired it, or the last one has released it. A layout with
   * few families is added at once.
   */
  note(layout: CompiledLayout): void {
    if (layout.holders === 0) {
      this.#added(layout)
      if (this.#indexed.has(layout)) this.#removing.add(layout)
      return
    }
    this.#removing.delete(layout)
    const { length } = layout.families
    if (this.#indexed.get(layout) === length) return
    const need = GROUP_NEED * length
    this.#adding.set(layout, need)
    this.memory.promise(need)
    if (length <= FAMILIES_AT_ONCE) while (this.#adding.has(layout)) this.#addOne(layout)
  }

  /** Adds the layouts that are in use, and removes those that are not. */
  *updateSteps(): Steps<void> {
    let step = 0
    while (this.removeOne()) if (++step % FAMILIES_PER_STEP === 0) yield
    while (this.#offerSome()) yield
    for (const layout of this.#adding.keys()) {
      while (this.#adding.has(layout)) {
        this.#addOne(layout)
        if (++step % FAMILIES_PER_STEP === 0) yield
      }
    }
  }

  /** Removes a family of a layout that is not in use. @returns false if there is none */
  removeOne(): boolean {
    for (const layout of this.#removing) {
      const indexed = this.#indexed.get(layout)!
      this.#remove(layout, layout.families[indexed - 1]!)
      if (indexed > 1) {
        this.#indexed.set(layout, indexed - 1)
        return true
      }
      this.#indexed.delete(layout)
      this.#removing.delete(layout)
      this.memory.onLeft(layout)
      return true
    }
    return false
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
      if (++step % (16 * FAMILIES_PER_STEP) === 0) yield
    }
    const sorted = yield* sortSteps(list, ([a], [b]) => (a < b ? -1 : 1))
    // Families may have been added or removed in the meantime.
    if (version === this.#version) {
      this.#sorted.set(writing, sorted)
      this.#grow(LISTED_BYTES * sorted.length)
    }
    return sorted
  }

  #grow(bytes: number): void {
    this.#bytes += bytes
    this.memory.add(bytes)
  }

  #addOne(layout: CompiledLayout): void {
    const { families } = layout
    const indexed = this.#indexed.get(layout) ?? 0
    if (indexed < families.length) {
      this.#add(layout, families[indexed]!)
      this.#indexed.set(layout, indexed + 1)
    }
    if (indexed + 1 >= families.length) this.#added(layout)
  }

  /** Nothing of the layout is left to be added. */
  #added(layout: CompiledLayout): void {
    const need = this.#adding.get(layout)
    if (need === undefined) return
    this.#adding.delete(layout)
    this.memory.promise(-need)
  }

  #add(layout: CompiledLayout, family: CompiledFamily): void {
    const key = keyOf(family)
    const known = this.#groups.get(key)
    this.#grow(ENTRY_BYTES)
    if (known) {
      known.members.set(layout, family)
      if (known.blockedBy.size > 0) this.#conflicts++
    } else this.#groups.set(key, this.#addGroup(layout, family))
  }

  #remove(layout: CompiledLayout, family: CompiledFamily): void {
    const key = keyOf(family)
    const group = this.#groups.get(key)
    if (!group?.members.delete(layout)) return
    this.#grow(-ENTRY_BYTES)
    if (group.blockedBy.size > 0) this.#conflicts--
    if (group.members.size > 0) {
      // Families of a layout that was removed are not kept.
      if (group.first === family) group.first = group.members.values().next().value!
      return
    }
    this.#groups.delete(key)
    this.#removeGroup(group)
  }

  #groupsChanged(): void {
    for (const list of this.#sorted.values()) this.#grow(-LISTED_BYTES * list.length)
    this.#sorted.clear()
    this.#version++
  }

  #addGroup(layout: CompiledLayout, family: CompiledFamily): Group {
    this.#groupsChanged()
    const members = new Map([[layout, family]])
    const names = allNames(family)
    this.#grow(groupBytes(family, names))
    if (!names.some(name => this.#names.has(name))) {
      const group = { first: family, members, exposed: EVERYWHERE, blockedBy: NOWHERE } as Group
      for (const name of names) this.#setName(name, group)
      return group
    }
    const group: Group = { first: family, members, exposed: new Set(), blockedBy: new Map() }
    this.#grow(SETS_BYTES)
    for (const name of names) this.#contest(name)
    for (const writing of WRITINGS) this.#claim(group, writing)
    return group
  }

  #removeGroup(group: Group): void {
    this.#groupsChanged()
    for (const [writing, name] of group.blockedBy) this.#leaveQueue(group, writing, name)
    const freed: [string, Contested, Writing][] = []
    const names = allNames(group.first)
    this.#grow(-groupBytes(group.first, names))
    if (group.blockedBy !== NOWHERE) this.#grow(-SETS_BYTES)
    for (const name of names) {
      const entry = this.#names.get(name)
      if (entry === group) this.#deleteName(name)
      else if (entry && 'owners' in entry) {
        for (const [writing, owner] of entry.owners)
          if (owner === group) freed.push([name, entry, writing])
      }
    }
    for (const [, { owners }, writing] of freed) owners.delete(writing)
    for (const [name, entry, writing] of freed) this.#offer(name, entry, writing)
    for (const name of names) this.#deleteIfUnused(name)
  }

  #deleteIfUnused(name: string): void {
    const entry = this.#names.get(name)
    if (!entry || !('owners' in entry) || entry.owners.size > 0 || entry.waiting.size > 0) return
    this.#deleteName(name)
    this.#grow(-CONTESTED_BYTES)
  }

  #setName(name: string, entry: Group | Contested): void {
    if (!this.#names.has(name)) this.#grow(NAME_BYTES)
    this.#names.set(name, entry)
  }

  #deleteName(name: string): void {
    if (this.#names.delete(name)) this.#grow(-NAME_BYTES)
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
      if (entry.blockedBy === NOWHERE) this.#grow(SETS_BYTES)
      Object.assign(entry, { exposed: new Set(entry.exposed), blockedBy: new Map(entry.blockedBy) })
    }
    this.#setName(name, contested)
    this.#grow(CONTESTED_BYTES)
    return contested
  }

  /** Takes all names of the group, or waits for the first one that is taken. */
  #claim(group: Group, writing: Writing): void {
    const wanted = writtenNames(group.first, writing)
    for (const name of wanted) {
      const { owners, waiting } = this.#contest(name)
      if (!owners.has(writing)) continue
      if (group.blockedBy.size === 0) this.#conflicts += group.members.size
      group.blockedBy.set(writing, name)
      this.#grow(WAITING_BYTES)
      const queue = waiting.get(writing)
      if (queue) queue.add(group)
      else waiting.set(writing, new Set([group]))
      return
    }
    for (const name of wanted) this.#contest(name).owners.set(writing, group)
    group.exposed.add(writing)
  }

  /**
   * Gives a free name to the first group that can use it. Each of the others waits for another name
   * then. If there are many, the rest is left to `updateSteps`.
   */
  #offer(name: string, { owners, waiting }: Contested, writing: Writing): void {
    let offered = 0
    for (const next of waiting.get(writing) ?? []) {
      if (owners.has(writing)) return
      if (++offered > OFFERED_AT_ONCE) {
        const writings = this.#offering.get(name)
        if (writings) writings.add(writing)
        else this.#offering.set(name, new Set([writing]))
        return
      }
      this.#leaveQueue(next, writing, name)
      next.blockedBy.delete(writing)
      if (next.blockedBy.size === 0) this.#conflicts -= next.members.size
      this.#claim(next, writing)
    }
  }

  /** Goes on offering a name. @returns false if there is none */
  #offerSome(): boolean {
    for (const [name, writings] of this.#offering) {
      this.#offering.delete(name)
      const entry = this.#names.get(name)
      if (!entry || !('owners' in entry)) return true
      for (const writing of writings) this.#offer(name, entry, writing)
      this.#deleteIfUnused(name)
      return true
    }
    return false
  }

  #leaveQueue(group: Group, writing: Writing, name: string): void {
    const { waiting } = this.#contest(name)
    const queue = waiting.get(writing)
    if (queue?.delete(group)) this.#grow(-WAITING_BYTES)
    if (queue?.size === 0) waiting.delete(writing)
  }
}

/** Bytes of a group, with the texts of its key and names. */
function groupBytes(family: CompiledFamily, names: readonly string[]): number {
  let bytes = GROUP_BYTES + textBytes(keyOf(family))
  for (const name of names) if (name !== family.name) bytes += textBytes(name)
  return bytes
}

/** Families of several layouts with equal keys are merged. */
const keyOf = ({ name, counterSuffix, type }: CompiledFamily) => `${type}${counterSuffix} ${name}`
