import { PAUSE } from '../../shared/exposition/chunks.js'
import { BytesWriter } from '../../shared/snapshot/bytes-writer.js'
import type { AppliedId } from './applied-ids.js'
import type { Group } from './group.js'
import type { TableReader } from './group-table.js'
import type { IngestedFamily, IngestedValue } from './ingested-family.js'
import type { FrozenState, Tombstone } from './machine.js'
import type { StateParts } from './push-state.js'
import {
  writeGroup,
  writeId,
  writeIngestedFamily,
  writeSeries,
  writeTombstone,
} from './snapshot-codec.js'
import type { HeldGroup } from './view.js'

const PART_BYTES = 1024 * 1024
const ITEMS_PER_PAUSE = 100

/** The state at this moment: what changes afterwards is kept as it was until it has been written. */
export function freeze(state: StateParts): FrozenState {
  return new Frozen(state)
}

class Frozen implements FrozenState {
  readonly offset: number
  readonly time: number
  readonly last: FrozenState['last']
  readonly #ids: Iterable<AppliedId>
  readonly #tombstones: readonly Tombstone[]
  readonly #families: readonly IngestedFamily[]
  readonly #reader: TableReader
  /** What has changed since and was not written before; null: it did not exist. */
  readonly #groups = new Map<Group, HeldGroup | null>()
  readonly #series = new Map<IngestedFamily, Map<string, IngestedValue | null>>()
  readonly #writtenGroups = new Set<Group>()
  readonly #writtenFamilies = new Set<IngestedFamily>()
  #writtenSeries = new Set<string>()
  #current: IngestedFamily | undefined
  #writer = new BytesWriter(PART_BYTES)
  #items = 0

  constructor(private readonly state: StateParts) {
    this.offset = state.offset
    this.time = state.time
    this.last = state.last
    this.#ids = state.ids.all()
    this.#tombstones = [...state.tombstones.all()]
    this.#families = [...state.table.ingested.families.values()]
    this.#reader = {
      beforeGroup: group => this.#keepGroup(group),
      beforeSeries: (family, text) => this.#keepSeries(family, text),
    }
    state.table.readers.add(this.#reader)
  }

  release(): void {
    this.state.table.readers.delete(this.#reader)
  }

  *parts(): Generator<Buffer> {
    yield* this.#writeGroups()
    for (const family of this.#families) yield* this.#writeFamily(family)
    for (const tombstone of this.#tombstones) {
      writeTombstone(this.#writer, tombstone)
      yield* this.#written()
    }
    for (const id of this.#ids) {
      writeId(this.#writer, id)
      yield* this.#written()
    }
    if (this.#writer.length > 0) yield this.#writer.toBuffer()
  }

  *#writeGroups(): Generator<Buffer> {
    for (const group of this.state.table.groups.values()) {
      if (this.#writtenGroups.has(group)) continue
      const kept = this.#groups.get(group)
      this.#writtenGroups.add(group)
      if (kept === null) continue
      writeGroup(this.#writer, kept ?? group.view())
      yield* this.#written()
    }
    // Those that were removed before their turn.
    for (const [group, kept] of this.#groups) {
      if (kept === null || this.#writtenGroups.has(group)) continue
      this.#writtenGroups.add(group)
      writeGroup(this.#writer, kept)
      yield* this.#written()
    }
  }

  *#writeFamily(family: IngestedFamily): Generator<Buffer> {
    this.#current = family
    this.#writtenSeries = new Set()
    const kept = this.#series.get(family) ?? new Map<string, IngestedValue | null>()
    this.#series.set(family, kept)
    writeIngestedFamily(this.#writer, family)
    for (const [text, value] of family.series) {
      const before = kept.get(text)
      this.#writtenSeries.add(text)
      if (before === null) continue
      writeSeries(this.#writer, text, before ?? value)
      if (yield* this.#written()) writeIngestedFamily(this.#writer, family)
    }
    for (const [text, before] of kept) {
      if (before === null || this.#writtenSeries.has(text)) continue
      this.#writtenSeries.add(text)
      writeSeries(this.#writer, text, before)
      if (yield* this.#written()) writeIngestedFamily(this.#writer, family)
    }
    this.#writtenFamilies.add(family)
    this.#series.delete(family)
  }

  /** @returns whether a new part has begun */
  *#written(): Generator<Buffer, boolean> {
    if (this.#writer.length >= PART_BYTES) {
      yield this.#writer.toBuffer()
      this.#writer = new BytesWriter(PART_BYTES)
      return true
    }
    if (++this.#items % ITEMS_PER_PAUSE === 0) yield PAUSE
    return false
  }

  #keepGroup(group: Group): void {
    if (this.#writtenGroups.has(group) || this.#groups.has(group)) return
    const exists = this.state.table.groups.get(group.key) === group
    this.#groups.set(group, exists ? group.view() : null)
  }

  #keepSeries(family: IngestedFamily, text: string): void {
    if (this.#writtenFamilies.has(family)) return
    if (family === this.#current && this.#writtenSeries.has(text)) return
    const kept = this.#series.get(family) ?? new Map<string, IngestedValue | null>()
    this.#series.set(family, kept)
    if (!kept.has(text)) kept.set(text, family.series.get(text) ?? null)
  }
}
