import { partitionFor } from '../shared/base/murmur2.js'
import type { LogRecord } from '../shared/kafka/types.js'
import type { Layout } from '../shared/metrics/layout.js'
import type { Label } from '../shared/metrics/model.js'
import { RefusedError } from '../shared/snapshot/errors.js'
import { targetKey } from '../shared/snapshot/key.js'
import { LayoutCache } from '../shared/snapshot/layout-cache.js'
import { SnapshotReader } from '../shared/snapshot/read.js'
import type { SnapshotHeader } from '../shared/snapshot/types.js'
import { refusalOf } from '../shared/snapshot/unreadable.js'
import { validateTarget } from '../shared/snapshot/validate.js'

const LAYOUT_CACHE_BYTES = 32 * 1024 * 1024
/** Targets whose order is followed; the longest silent go first. */
const FOLLOWED_TARGETS = 100_000

interface Seen {
  readonly incarnation: number
  readonly sequence: number
  readonly collectedAt: number
}

/**
 * Records as lines for people, judged by the rules that exposers refuse by.
 */
export class RecordPrinter {
  readonly #reader = new SnapshotReader()
  readonly #seen = new Map<string, Seen>()
  /** How many series each layout has; what is kept of one is small, but checking it is not. */
  readonly #layouts = new LayoutCache({
    maxBytes: LAYOUT_CACHE_BYTES,
    build: (layout, id) => ({ id, series: seriesIn(layout), bytes: 1024, holders: 0 }),
  })
  #read = 0
  #refused = 0

  /**
   * @param partitionCount how many partitions the topic has
   * @param wanted labels that a target must have to be printed
   * @param onlyRefused leave out what is well
   */
  constructor(
    private readonly partitionCount: number,
    private readonly wanted: readonly Label[],
    private readonly onlyRefused: boolean,
  ) {}

  /** @returns undefined for a record that was not asked for */
  line(partition: number, record: LogRecord, now: number): string | undefined {
    this.#read++
    const place = `${partition}/${record.offset}`
    let header: SnapshotHeader | undefined
    try {
      if (!record.value) throw refusalOf(record)
      if (!record.key) throw new RefusedError('key', 'it has no key')
      this.#reader.open(record.value)
      header = this.#reader.header()
      const content = this.#judge(partition, record.key, header)
      if (this.onlyRefused || !this.#isWanted(header)) return undefined
      return `${place}  ${describe(header, now)}  ${content} bytes=${record.value.length}`
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      this.#refused++
      if (header && !this.#isWanted(header)) return undefined
      return `${place}  REFUSED ${error.reason}: ${error.message}${header ? `  ${describe(header, now)}` : ''}`
    }
  }

  summary(): string {
    return `${this.#read} records read, ${this.#refused} refused`
  }

  #isWanted(header: SnapshotHeader): boolean {
    return this.wanted.every(({ name, value }) =>
      header.target.some(label => label.name === name && label.value === value),
    )
  }

  /** @returns what the record says: how many series it has, or why the collection failed */
  #judge(partition: number, key: Buffer, header: SnapshotHeader): string {
    validateTarget(header.target)
    if (!targetKey(header.target).equals(key)) {
      throw new RefusedError('key', 'the key is not that of the target')
    }
    const right = partitionFor(key, this.partitionCount)
    if (right !== partition) {
      throw new RefusedError(
        'partition',
        `murmur2 of its key puts it on partition ${right} of ${this.partitionCount}`,
      )
    }
    this.#checkOrder(key.toString('latin1'), header)
    if (this.#reader.failure !== null) return `failed=${JSON.stringify(this.#reader.failure)}`
    const { series } = this.#layouts.intern(header.layoutId, this.#reader.layout())
    this.#reader.body(series)
    return `series=${series}`
  }

  #checkOrder(key: string, header: SnapshotHeader): void {
    const last = this.#seen.get(key)
    if (last && header.incarnation < last.incarnation) {
      throw new RefusedError('incarnation', `from a run older than that of ${time(last.incarnation)}`)
    }
    if (last?.incarnation === header.incarnation && !follows(header, last)) {
      throw new RefusedError(
        'order',
        `not after sequence ${last.sequence}, collected ${time(last.collectedAt)}`,
      )
    }
    this.#seen.delete(key)
    this.#seen.set(key, header)
    if (this.#seen.size > FOLLOWED_TARGETS) this.#seen.delete(this.#seen.keys().next().value!)
  }
}

const seriesIn = (layout: Layout) => layout.families.reduce((sum, family) => sum + family.series.length, 0)

function follows(header: SnapshotHeader, last: Seen): boolean {
  // Parts of one snapshot share its sequence and time.
  if (header.parts > 1 && header.sequence === last.sequence) return header.collectedAt === last.collectedAt
  return header.sequence > last.sequence && header.collectedAt > last.collectedAt
}

function describe(header: SnapshotHeader, now: number): string {
  const labels = header.target.map(({ name, value }) => `${name}=${JSON.stringify(value)}`).join(', ')
  const age = ((now - header.collectedAt) / 1000).toFixed(1)
  const part = header.parts > 1 ? ` part=${header.part + 1}/${header.parts}` : ''
  const end = header.end ? ' end' : ''
  const superseded = header.superseded ? ` superseded=${header.superseded}` : ''
  return `{${labels}}  age=${age}s run=${time(header.incarnation)} sequence=${header.sequence}${part}${superseded} interval=${header.intervalMs / 1000}s${end}`
}

function time(ms: number): string {
  return ms <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}
