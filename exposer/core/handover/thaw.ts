import { partitionFor } from '../../../shared/base/murmur2.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import type { Limits } from '../../../shared/metrics/limits.js'
import { targetKey } from '../../../shared/snapshot/key.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import { validateTarget } from '../../../shared/snapshot/validate.js'
import type { HandedCursor } from '../history/history.js'
import type { Gap } from '../log-clock.js'
import { isPlayoutState, type PlayoutState } from '../playout/playout.js'
import { HANDOVER_VERSION } from './freeze.js'

/** Maximum length of a line, characters: labels at their limits, in base64. */
export const MAX_LINE = 1024 * 1024
const MAX_GAPS = 64
const MAX_CURSORS = 1024
const MAX_NAME_LENGTH = 256

/** A target as its previous owner knew it. */
export interface HandedTarget {
  /** Its last record, without layout and values. */
  readonly record: LogRecord
  readonly incarnation: number
  readonly sequence: number
  /** Log time. */
  readonly arrivedAt: number
  readonly heardAt: number
  readonly playout: PlayoutState
}

/** What the previous owner of a partition handed over. */
export interface Handed {
  /** Log time, Unix ms; −Infinity if no record was ever read. */
  readonly time: number
  readonly gaps: readonly Gap[]
  readonly complete: boolean
  readonly cursors: readonly HandedCursor[]
  /** By record key as latin1 text. */
  readonly targets: ReadonlyMap<string, HandedTarget>
  /** Estimated size. */
  readonly bytes: number
}

/** Estimated bytes of a target besides its key and record. */
const TARGET_BYTES = 1050
/** Estimated bytes of the playout time of a snapshot. */
const TIME_BYTES = 100

export interface HandoverBounds {
  readonly partition: number
  readonly partitionCount: number
  readonly maxTargets: number
  readonly limits: Limits
  readonly memory: HandoverMemory
}

/** Memory for what is handed over, as estimated bytes on the heap. */
export interface HandoverMemory {
  /** Whether so many more bytes fit. */
  makeRoom(bytes: number): boolean
  /** Reserves bytes, or with a negative number ends that. */
  promise(bytes: number): void
}

/**
 * Reads the lines of a handover. Nothing of it is used before the last line: a handover is accepted
 * as a whole or refused.
 */
export class HandoverReader {
  readonly #targets = new Map<string, HandedTarget>()
  readonly #reader: SnapshotReader
  #header: Omit<Handed, 'targets' | 'bytes'> | undefined
  #bytes = 0
  #ended = false

  constructor(private readonly bounds: HandoverBounds) {
    this.#reader = new SnapshotReader(bounds.limits)
  }

  /** @throws Error when the line is malformed or beyond the bounds */
  line(text: string): void {
    if (text.length > MAX_LINE) throw new Error(`a line has more than ${MAX_LINE} characters`)
    if (this.#ended) throw new Error('there is a line after the last one')
    const value: unknown = JSON.parse(text)
    if (!this.#header) this.#header = this.#headerOf(record(value))
    else if (typeof value === 'number') this.#end(value)
    else this.#add(record(value))
  }

  /** Ends the reservation of memory. To be called once, when the result is held or given up. */
  release(): void {
    this.bounds.memory.promise(-this.#bytes)
  }

  /** @throws Error when the last line is missing */
  done(): Handed {
    if (!this.#header || !this.#ended) throw new Error('the handover is truncated')
    return { ...this.#header, targets: this.#targets, bytes: this.#bytes }
  }

  #headerOf({ version, partition, time, gaps, complete, cursors }: Fields) {
    if (version !== HANDOVER_VERSION) throw new Error(`version ${String(version)} is not known`)
    if (partition !== this.bounds.partition)
      throw new Error(`it is of partition ${String(partition)}`)
    if (typeof complete !== 'boolean') throw new Error('complete is not a boolean')
    return {
      time: time === null ? Number.NEGATIVE_INFINITY : unixMs(time, 'time'),
      gaps: list(gaps, MAX_GAPS, 'gaps').map(gapOf),
      complete,
      cursors: list(cursors, MAX_CURSORS, 'cursors').map(cursorOf),
    }
  }

  #add({ record: encoded, offset, appendedAt, arrivedAt, heardAt, playout }: Fields): void {
    const { partition, partitionCount, maxTargets, limits, memory } = this.bounds
    if (this.#targets.size >= maxTargets) throw new Error(`it has more than ${maxTargets} targets`)
    if (typeof encoded !== 'string') throw new Error('record is not a string')
    const value = Buffer.from(encoded, 'base64')
    const reader = this.#reader
    reader.open(value)
    const { incarnation, sequence } = reader
    const labels = reader.target()
    validateTarget(labels, limits)
    const key = targetKey(labels)
    if (partitionFor(key, partitionCount) !== partition)
      throw new Error('it has a target of another partition')
    if (!isPlayoutState(playout)) throw new Error('playout is malformed')
    const held = playout.times?.held ?? []
    if (held.some(([at], i) => at > (held[i + 1]?.[0] ?? natural(offset, 'offset'))))
      throw new Error('playout has times of later snapshots')
    const arrived = unixMs(arrivedAt, 'arrivedAt')
    const { time } = this.#header!
    if (arrived > time) throw new Error('a target arrived after the log time')
    const bytes = TARGET_BYTES + TIME_BYTES * held.length + value.length + 2 * key.length
    if (!memory.makeRoom(bytes))
      throw new Error(`no memory is left after ${this.#targets.size} of its targets`)
    memory.promise(bytes)
    this.#bytes += bytes
    this.#targets.set(key.toString('latin1'), {
      record: {
        key,
        value,
        offset: natural(offset, 'offset'),
        timestamp: unixMs(appendedAt, 'appendedAt'),
      },
      incarnation,
      sequence,
      arrivedAt: arrived,
      heardAt: Math.min(time, unixMs(heardAt, 'heardAt')),
      playout,
    })
  }

  #end(count: number): void {
    if (count !== this.#targets.size)
      throw new Error(`it has ${this.#targets.size} targets instead of ${count}`)
    this.#ended = true
  }
}

type Fields = Readonly<Record<string, unknown>>

function record(value: unknown): Fields {
  if (typeof value === 'object' && value !== null) return value as Fields
  throw new Error('a line is not an object')
}

function list(value: unknown, max: number, name: string): Fields[] {
  if (Array.isArray(value) && value.length <= max) return value.map(record)
  throw new Error(`${name} is not a list of at most ${max}`)
}

function gapOf({ from, to }: Fields): Gap {
  const gap = { from: unixMs(from, 'from'), to: unixMs(to, 'to') }
  if (gap.from > gap.to) throw new Error('a gap ends before it begins')
  return gap
}

function cursorOf({ scraper, next, idleMs }: Fields): HandedCursor {
  if (typeof scraper !== 'string' || scraper === '' || scraper.length > MAX_NAME_LENGTH)
    throw new Error('scraper is not a name')
  return { scraper, next: natural(next, 'next'), idleMs: number(idleMs, 'idleMs') }
}

function number(value: unknown, name: string): number {
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value
  throw new Error(`${name} is not a number of 0 or more`)
}

/** Log time advances by fractions of milliseconds. */
function unixMs(value: unknown, name: string): number {
  const time = number(value, name)
  if (time <= Number.MAX_SAFE_INTEGER) return time
  throw new Error(`${name} is not a time`)
}

function natural(value: unknown, name: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new Error(`${name} is not an integer of 0 or more`)
}
