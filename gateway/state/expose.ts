import { PAUSE } from '../../shared/exposition/chunks.js'
import type { Escaping } from '../../shared/exposition/format.js'
import type { Label } from '../../shared/metrics/model.js'
import { numberText } from '../../shared/metrics/number-text.js'
import type { Block } from './block.js'
import { legacyLines, metadataLines } from './exposed-text.js'
import type { FamilyEntry, Head } from './family-entry.js'
import {
  type Group,
  type GroupTimes,
  keyOf,
  type Member,
  PUSH_FAILURE_TIME,
  PUSH_FAILURE_TIME_HELP,
  PUSH_TIME,
  PUSH_TIME_HELP,
} from './group.js'
import type { GroupTable, TableReader } from './group-table.js'
import { SAMPLE_SUFFIX, textsOf } from './series-text.js'
import type { HeldGroup, PushView } from './view.js'

const CHUNK_BYTES = 256 * 1024
/** Sorting more names would take longer than a slice. */
const MAX_SORTED = 20_000
const PAUSE_EVERY = 2000

const TIMES = [
  {
    name: PUSH_FAILURE_TIME,
    line: 'failed',
    head: { type: 'gauge', help: PUSH_FAILURE_TIME_HELP },
  },
  {
    name: PUSH_TIME,
    line: 'pushed',
    head: { type: 'gauge', help: PUSH_TIME_HELP },
  },
] as const

/** A view of the table. What is due at `time` is hidden. */
export function exposed(table: GroupTable, time: number): PushView {
  const isHidden = (group: { readonly expiresAt: number }) => group.expiresAt <= time
  return {
    time,
    *groups(): Generator<HeldGroup> {
      for (const group of table.groups.values()) if (!isHidden(group)) yield group.view()
    },
    group(labels: readonly Label[]) {
      const group = table.groups.get(keyOf(labels))
      return group && !isHidden(group) ? group.view() : undefined
    },
    expose: escaping => new Exposition(table, time, escaping).chunks(),
  }
}

/** A member as it was when the exposition began. */
interface Seen {
  readonly member: Member
  readonly block: Block
}

/** One exposition: as of the moment of its first chunk, whatever changes until its last one. */
class Exposition {
  /** What has changed since the first chunk and was not exposed before. */
  readonly #members = new Map<FamilyEntry, readonly Seen[]>()
  readonly #heads = new Map<FamilyEntry, Head>()
  readonly #times = new Map<Group, GroupTimes>()
  /** Push groups with the same push times as others, which are exposed once. */
  readonly #twins = new Set<Group>()
  readonly #passed = new Set<FamilyEntry | Group>()
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  /** HELP and TYPE of the current family, until its first sample is written. */
  #metadata = ''
  #at = 0
  #hidden = 0
  #seen = 0

  constructor(
    private readonly table: GroupTable,
    private readonly time: number,
    private readonly escaping: Escaping,
  ) {}

  *chunks(): Generator<Buffer> {
    const { table } = this
    const reader: TableReader = {
      beforeEntry: entry => this.#keepEntry(entry),
      beforeGroup: group => this.#keepGroup(group),
    }
    table.readers.add(reader)
    try {
      const entries = [...table.entries.values()]
      if (entries.length <= MAX_SORTED) entries.sort((a, b) => (a.name < b.name ? -1 : 1))
      const groups = [...table.groups.values()]
      for (const group of groups) if (group.twinKey !== undefined) this.#findTwin(group)
      yield PAUSE
      for (const { name, line, head } of TIMES) yield* this.#exposeTimes(groups, name, line, head)
      for (const group of groups) this.#passed.add(group)
      for (const entry of entries) yield* this.#exposeEntry(entry)
      if (this.#at > 0) yield this.#flush()
      table.hidden = this.#hidden
    } finally {
      table.readers.delete(reader)
    }
  }

  #keepEntry(entry: FamilyEntry): void {
    if (this.#passed.has(entry) || this.#members.has(entry)) return
    this.#members.set(
      entry,
      entry.members.map(member => ({ member, block: member.block })),
    )
    if (!entry.isEmpty) this.#heads.set(entry, entry.head())
  }

  #keepGroup(group: Group): void {
    if (this.#passed.has(group) || this.#times.has(group)) return
    this.#times.set(group, group.times())
  }

  #findTwin(group: Group): void {
    const twin = this.table.groups.get(group.twinKey!)
    if (twin !== undefined && twin.expiresAt > this.time) this.#twins.add(group)
  }

  #headOf(entry: FamilyEntry): Head | undefined {
    if (this.#members.has(entry)) return this.#heads.get(entry)
    return entry.isEmpty ? undefined : entry.head()
  }

  *#exposeTimes(
    groups: readonly Group[],
    name: string,
    line: keyof GroupTimes,
    head: Head,
  ): Generator<Buffer> {
    this.#metadata = metadataLines(name, head, this.escaping)
    for (const group of groups) {
      if (group.expiresAt <= this.time) continue
      if (this.#twins.has(group)) {
        this.#hidden++
        continue
      }
      if (this.#metadata !== '') yield* this.#writeMetadata()
      const text = (this.#times.get(group) ?? group.times())[line]
      if (this.#at + text.length > CHUNK_BYTES) yield this.#flush()
      const isPlain =
        this.escaping === 'allow-utf-8' || (!text.includes('{"') && !text.includes(',"'))
      if (isPlain && text.length <= CHUNK_BYTES)
        this.#at += this.#buffer.write(text, this.#at, 'latin1')
      else yield* this.#write(isPlain ? text : legacyLines(text))
      if (++this.#seen % PAUSE_EVERY === 0) yield PAUSE
    }
  }

  *#exposeEntry(entry: FamilyEntry): Generator<Buffer> {
    const head = this.#headOf(entry)
    if (head === undefined) return
    this.#metadata = metadataLines(entry.name, head, this.escaping)
    const { owners } = this.table
    for (let i = 0; ; i++) {
      // The entry may have changed at the last pause: then its members were kept, in this order.
      const seen = this.#members.get(entry)?.[i]
      const member = seen?.member ?? entry.members[i]
      if (seen === undefined && (this.#members.has(entry) || member === undefined)) break
      const block = seen?.block ?? member.block
      if (++this.#seen % PAUSE_EVERY === 0) yield PAUSE
      if (member.group.expiresAt <= this.time || block.type !== head.type) continue
      if (!block.isQuick) for (const _ of block.prepare()) yield PAUSE
      let { lines } = block
      if (owners.hasWaiting) lines = this.#ownLines(member, block)
      if (!block.isLegacy && this.escaping === 'underscores') lines = legacyLines(lines)
      if (lines === '') continue
      if (this.#metadata !== '') yield* this.#writeMetadata()
      if (this.#at + lines.length > CHUNK_BYTES) yield this.#flush()
      if (lines.length <= CHUNK_BYTES) this.#at += this.#buffer.write(lines, this.#at, 'latin1')
      else yield* this.#write(lines)
    }
    this.#passed.add(entry)
    this.#members.delete(entry)
    if (entry.ingested?.type === head.type) yield* this.#exposeIngested(entry)
    else this.#hidden += entry.ingested?.series.size ?? 0
  }

  *#exposeIngested({ name, ingested }: FamilyEntry): Generator<Buffer> {
    const { owners, entries } = this.table
    // `x_sum` can also be a sample of the summary `x`.
    const stem = entries.get(name.replace(SAMPLE_SUFFIX, ''))?.ingested
    const composed = stem === ingested ? undefined : stem?.series
    let lines = ''
    for (const [text, { value, expiresAt }] of ingested!.series) {
      if (expiresAt <= this.time) continue
      if (owners.otherOwner(text, undefined) || composed?.has(text)) this.#hidden++
      else lines += `${text} ${numberText(value)}\n`
      if (++this.#seen % 200 === 0) {
        yield* this.#writeIngested(lines)
        lines = ''
        yield PAUSE
      }
    }
    yield* this.#writeIngested(lines)
  }

  *#writeIngested(lines: string): Generator<Buffer> {
    if (lines === '') return
    if (this.#metadata !== '') yield* this.#writeMetadata()
    yield* this.#write(this.#escaped(lines))
  }

  *#writeMetadata(): Generator<Buffer> {
    const lines = this.#metadata
    this.#metadata = ''
    yield* this.#write(lines)
  }

  #escaped(lines: string): string {
    return this.escaping === 'underscores' && lines.includes('"') && /[{,]"/.test(lines)
      ? legacyLines(lines)
      : lines
  }

  /** The lines without those that another push group has. */
  #ownLines(member: Member, block: Block): string {
    let own = ''
    let at = 0
    for (const text of textsOf(block)) {
      const end = block.lines.indexOf('\n', at + text.length) + 1
      if (!this.table.owners.isWaiting(member, text)) own += block.lines.slice(at, end)
      at = end
    }
    return own
  }

  *#write(text: string): Generator<Buffer> {
    for (let from = 0; from < text.length; from += CHUNK_BYTES) {
      const part = text.length <= CHUNK_BYTES ? text : text.slice(from, from + CHUNK_BYTES)
      if (this.#at + part.length > CHUNK_BYTES) yield this.#flush()
      this.#at += this.#buffer.write(part, this.#at, 'latin1')
    }
  }

  #flush(): Buffer {
    const chunk = this.#buffer.subarray(0, this.#at)
    this.#at = 0
    return chunk
  }
}
