import { partitionFor } from '../shared/base/murmur2.js'
import { oneStep } from '../shared/base/steps.js'
import type { LogRecord } from '../shared/kafka/types.js'
import type { Layout } from '../shared/metrics/layout.js'
import type { Label } from '../shared/metrics/model.js'
import { RefusedError } from '../shared/snapshot/errors.js'
import { targetKey } from '../shared/snapshot/key.js'
import { LayoutCache } from '../shared/snapshot/layout-cache.js'
import { SnapshotReader } from '../shared/snapshot/read.js'
import { aheadMessage, isRelayed, relayedRun } from '../shared/snapshot/relayed.js'
import type { SnapshotHeader } from '../shared/snapshot/types.js'
import { refusalOf } from '../shared/snapshot/unreadable.js'
import { validateTarget } from '../shared/snapshot/validate.js'

const LAYOUT_CACHE_BYTES = 32 * 1024 * 1024
/** Number of targets whose order is checked. The least recently seen are dropped first. */
const MAX_TARGETS = 100_000

/** Intervals after which a run is silent, as at the exposer by default. */
const SILENT_INTERVALS = 2.5

interface Position {
  readonly incarnation: number
  readonly sequence: number
  readonly collectedAt: number
  readonly intervalMs: number
  readonly end: boolean
  /** Append time, Unix ms. */
  readonly appendedAt: number
}

/** Formats records as lines, and checks them by the rules of the exposer. */
export class RecordPrinter {
  readonly #reader = new SnapshotReader()
  /** Position of the newest record by key. */
  readonly #positions = new Map<string, Position>()
  /** The number of series of each layout, so that a layout is not read and checked again. */
  readonly #layouts = new LayoutCache({
    maxBytes: LAYOUT_CACHE_BYTES,
    build: (layout, id) =>
      oneStep(() => ({ id, series: seriesIn(layout), bytes: 1024, holders: 0 })),
  })
  #read = 0
  #refused = 0
  #printed = 0

  /**
   * @param partitionCount number of partitions of the topic
   * @param wanted labels of the targets to print
   * @param onlyRefused whether accepted records are left out
   */
  constructor(
    private readonly partitionCount: number,
    private readonly wanted: readonly Label[],
    private readonly onlyRefused: boolean,
  ) {}

  /** Number of lines so far. */
  get printed(): number {
    return this.#printed
  }

  /** @returns undefined for a record that is not to be printed */
  line(partition: number, record: LogRecord, now: number): string | undefined {
    const line = this.#line(partition, record, now)
    this.#read++
    if (line !== undefined) this.#printed++
    return line
  }

  #line(partition: number, record: LogRecord, now: number): string | undefined {
    const place = `${partition}/${record.offset}`
    let header: SnapshotHeader | undefined
    try {
      if (!record.value) throw refusalOf(record)
      if (!record.key) throw new RefusedError('key', 'the record has no key')
      this.#reader.open(record.value)
      header = this.#reader.header()
      const content = this.#check(partition, record, header)
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

  /** @returns the number of series, or the reason of a failed collection. @throws RefusedError */
  #check(partition: number, record: LogRecord, header: SnapshotHeader): string {
    const key = record.key!
    validateTarget(header.target)
    if (!targetKey(header.target).equals(key)) {
      throw new RefusedError('key', 'the key is not that of its target')
    }
    const expected = partitionFor(key, this.partitionCount)
    if (expected !== partition) {
      throw new RefusedError(
        'partition',
        `its key belongs on partition ${expected} of ${this.partitionCount} (murmur2)`,
      )
    }
    const isRepeat = this.#checkOrder(key.toString('latin1'), header, record.timestamp)
    const repeat = isRepeat ? 'repeat ' : ''
    if (this.#reader.failure !== null)
      return `${repeat}failed=${JSON.stringify(this.#reader.failure)}`
    const { series } = this.#layouts.intern(header.layoutId, this.#reader.layout())
    this.#reader.body(series)
    return `${repeat}series=${series}`
  }

  /** @returns whether it is a repeat, which an exposer ignores. @throws RefusedError */
  #checkOrder(key: string, header: SnapshotHeader, appendedAt: number): boolean {
    const last = this.#positions.get(key)
    const follows = last?.incarnation !== header.incarnation || isAfter(header, last)
    if (isRelayed(header.incarnation)) {
      if (!follows) return true
      const ahead = aheadMessage(header.collectedAt, appendedAt)
      if (ahead !== undefined) throw new RefusedError('clock', ahead)
    }
    if (last && header.incarnation < last.incarnation && isAlive(last, appendedAt)) {
      throw new RefusedError(
        'incarnation',
        `its run is older than that of ${time(last.incarnation)}, which is alive; give each publisher an instance label of its own`,
      )
    }
    if (last && !follows) {
      throw new RefusedError(
        'order',
        `not after sequence ${last.sequence}, collected ${time(last.collectedAt)}`,
      )
    }
    this.#positions.delete(key)
    this.#positions.set(key, { ...header, appendedAt })
    if (this.#positions.size > MAX_TARGETS)
      this.#positions.delete(this.#positions.keys().next().value!)
    return false
  }
}

const seriesIn = (layout: Layout) =>
  layout.families.reduce((sum, family) => sum + family.series.length, 0)

const isAlive = ({ end, intervalMs, appendedAt }: Position, now: number) =>
  !end && now - appendedAt <= SILENT_INTERVALS * intervalMs

function isAfter(header: SnapshotHeader, last: Position): boolean {
  // The parts of a snapshot share its sequence and collection time.
  if (header.parts > 1 && header.sequence === last.sequence)
    return header.collectedAt === last.collectedAt
  return header.sequence > last.sequence && header.collectedAt > last.collectedAt
}

function describe(header: SnapshotHeader, now: number): string {
  const labels = header.target
    .map(({ name, value }) => `${name}=${JSON.stringify(value)}`)
    .join(', ')
  const age = ((now - header.collectedAt) / 1000).toFixed(1)
  const run = relayedRun(header.incarnation) ?? time(header.incarnation)
  const part = header.parts > 1 ? ` part=${header.part + 1}/${header.parts}` : ''
  const end = header.end ? ' end' : ''
  const superseded = header.superseded ? ` superseded=${header.superseded}` : ''
  return `{${labels}}  age=${age}s run=${run} sequence=${header.sequence}${part}${superseded} interval=${header.intervalMs / 1000}s${end}`
}

function time(ms: number): string {
  return ms <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}
