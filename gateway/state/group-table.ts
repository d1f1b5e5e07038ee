import type { Steps } from '../../shared/base/steps.js'
import type { Label } from '../../shared/metrics/model.js'
import { type Block, blockBytes, GROUP_OVERHEAD } from './block.js'
import { FamilyEntry } from './family-entry.js'
import { Group, keyOf, type Member } from './group.js'
import type { IngestedFamily } from './ingested-family.js'
import { IngestedSeries } from './ingested-series.js'
import { SeriesOwners } from './series-owners.js'
import { textsOf } from './series-text.js'
import type { Held } from './view.js'

const SERIES_PER_STEP = 1000

/** A new block of a push group. */
export interface Update {
  readonly block: Block
  /** Whether the push group has a block with this name, type and exactly these series. */
  readonly isSame: boolean
}

/** Gets what a reader needs before it is changed. */
export interface TableReader {
  /** Called before the blocks of a name change. */
  beforeEntry?(entry: FamilyEntry): void
  /** Called before a push group changes, appears or is removed. */
  beforeGroup?(group: Group): void
  /** Called before an ingested series changes, appears or is removed. */
  beforeSeries?(family: IngestedFamily, text: string): void
}

/**
 * All push groups, by grouping key and by family name. Readers of a moment are told before a
 * change, and copy what they have not read yet.
 */
export class GroupTable {
  readonly groups = new Map<string, Group>()
  readonly entries = new Map<string, FamilyEntry>()
  readonly readers = new Set<TableReader>()
  readonly owners = new SeriesOwners(id => this.#byId[id])
  readonly ingested = new IngestedSeries(this)
  /** Ingested series and push times left out of the last exposition, which a push group has. */
  hidden = 0
  readonly #byId: (Group | undefined)[] = []
  readonly #freeIds: number[] = []
  readonly #mixed = new Set<FamilyEntry>()
  #samples = 0
  #bytes = 0
  #repeats = 0

  held(): Held {
    return {
      groups: this.groups.size,
      samples: this.#samples + this.ingested.size,
      bytes: this.#bytes + this.owners.bytes + this.ingested.bytes,
      conflicts: this.#conflicts(),
      ingested: this.ingested.size,
    }
  }

  /** Whether unchecked pushes have put something into conflict. */
  get hasConflicts(): boolean {
    return this.owners.hasWaiting || this.#mixed.size > 0
  }

  get(labels: readonly Label[]): Group | undefined {
    return this.groups.get(keyOf(labels))
  }

  ensure(labels: readonly Label[]): Group {
    const key = keyOf(labels)
    const known = this.groups.get(key)
    if (known) return known
    const id = this.#freeIds.pop() ?? this.#byId.length
    const group = new Group(id, key, labels)
    this.beforeChange(group)
    this.#byId[id] = group
    this.groups.set(key, group)
    this.#bytes += GROUP_OVERHEAD + 4 * key.length
    return group
  }

  /** Call it before a field of a push group is set, and `group.changed()` afterwards. */
  beforeChange(group: Group): void {
    for (const reader of this.readers) reader.beforeGroup?.(group)
  }

  /**
   * Stores blocks in a push group. The blocks are exchanged in the first step.
   *
   * @param others what happens to the blocks with other names
   */
  *store(group: Group, updates: readonly Update[], others: 'keep' | 'remove'): Steps<void> {
    this.beforeChange(group)
    const names = new Set(updates.map(({ block }) => block.name))
    const removed =
      others === 'keep' ? [] : [...group.members.values()].filter(m => !names.has(m.block.name))
    const unowned: { readonly member: Member; readonly block: Block }[] = []
    const owned: { readonly member: Member; readonly before: Block | undefined }[] = []
    for (const member of removed) {
      unowned.push({ member, block: member.block })
      this.#detach(member)
    }
    for (const { block, isSame } of updates) {
      const known = group.members.get(block.name)
      const before = known?.block
      const member = known ?? this.#attach(group, block)
      if (known) this.#exchange(known, block)
      if (!isSame) owned.push({ member, before })
    }
    group.changed()
    for (const { member, block } of unowned) yield* this.#disown(member, block)
    for (const { member, before } of owned) yield* this.#own(member, before)
  }

  /** Removes a push group. It is gone after the first step. */
  *remove(group: Group): Steps<void> {
    this.beforeChange(group)
    const members = [...group.members.values()]
    for (const member of members) this.#detach(member)
    this.groups.delete(group.key)
    this.#bytes -= GROUP_OVERHEAD + 4 * group.key.length
    for (const member of members) yield* this.#disown(member, member.block)
    this.#byId[group.id] = undefined
    this.#freeIds.push(group.id)
  }

  entry(name: string): FamilyEntry {
    const known = this.entries.get(name)
    if (known) return known
    const entry = new FamilyEntry(name)
    this.entries.set(name, entry)
    return entry
  }

  /** Call it after the types in an entry have changed. */
  settle(entry: FamilyEntry): void {
    if (entry.isMixed) this.#mixed.add(entry)
    else this.#mixed.delete(entry)
    if (entry.isEmpty) this.entries.delete(entry.name)
  }

  beforeEntry(entry: FamilyEntry): void {
    for (const reader of this.readers) reader.beforeEntry?.(entry)
  }

  #attach(group: Group, block: Block): Member {
    const entry = this.entry(block.name)
    this.beforeEntry(entry)
    const member = entry.add(group, block)
    group.members.set(block.name, member)
    this.#account(group, block, 1)
    this.settle(entry)
    return member
  }

  #exchange(member: Member, block: Block): void {
    const { entry, group } = member
    this.beforeEntry(entry)
    this.#account(group, member.block, -1)
    entry.replace(member, block)
    this.#account(group, block, 1)
    this.settle(entry)
  }

  #detach(member: Member): void {
    const { entry, group, block } = member
    this.beforeEntry(entry)
    entry.remove(member)
    group.members.delete(block.name)
    this.#account(group, block, -1)
    this.settle(entry)
  }

  #account(group: Group, block: Block, sign: 1 | -1): void {
    group.samples += sign * block.samples
    this.#samples += sign * block.samples
    this.#bytes += sign * blockBytes(block)
    this.#repeats += sign * block.repeats
  }

  /** The series of a new block take the place of those of the block before. */
  *#own(member: Member, before: Block | undefined): Steps<void> {
    const { owners } = this
    const { block } = member
    if (before && before.since === block.since && owners.hasWaiting) {
      // Whoever waits must not get a series that is in both.
      const texts = new Set<string>()
      for (const text of textsOf(block)) texts.add(text)
      yield
      yield* this.#disown(member, before, texts)
      for (const text of textsOf(before)) texts.delete(text)
      for (const text of texts) owners.claim(member, text)
      return
    }
    if (before) yield* this.#disown(member, before)
    let count = 0
    for (const text of textsOf(block)) {
      owners.claim(member, text)
      if (++count % SERIES_PER_STEP === 0) yield
    }
  }

  *#disown(member: Member, block: Block, kept: ReadonlySet<string> = new Set()): Steps<void> {
    let count = 0
    for (const text of textsOf(block)) {
      if (!kept.has(text)) this.owners.release(member, text)
      if (++count % SERIES_PER_STEP === 0) yield
    }
  }

  #conflicts(): number {
    let conflicts = this.owners.waiting + this.#repeats + this.hidden
    for (const entry of this.#mixed) {
      const { type } = entry.head()
      for (const { block } of entry.members) if (block.type !== type) conflicts += block.samples
    }
    return conflicts
  }
}
