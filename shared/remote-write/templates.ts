import { varintSize } from '../metrics/remote-write/output.js'
import type { SampleBlock } from './block.js'
import { writeVarint } from './out.js'
import type { SeriesTable } from './series-table.js'

/** The series of one target in protocol 1.0, each with one sample without value and time. */
export interface Template {
  readonly bytes: Buffer
  /** Offset of each series, and the end of the last one. Its sample is at its end. */
  readonly offsets: Uint32Array
}

const SERIES = 0x0a
const LABEL = 0x0a
const NAME = 0x0a
const VALUE = 0x12
const SAMPLE = 0x12
const SAMPLE_VALUE = 0x09
const SAMPLE_TIME = 0x10

/** Bytes of a time as a varint, from 2004 to 2109. */
const TIME_BYTES = 6
/** Bytes of a sample with its key and length. */
export const SAMPLE_BYTES = 2 + 9 + 1 + TIME_BYTES
/** Least and first greater time that takes `TIME_BYTES`. */
const LEAST_TIME = 2 ** 35
const TIME_LIMIT = 2 ** 42

/** Whether the time fits into the sample of a template. */
export const fitsTemplate = (time: number): boolean => time >= LEAST_TIME && time < TIME_LIMIT

/** Bytes of a template beyond its buffers. */
const TEMPLATE_BYTES = 300

interface Entry {
  readonly template: Template
  readonly bytes: number
}

/**
 * Templates of targets, within a number of bytes: the least recently used one goes first. Protocol
 * 1.0 repeats all labels of a series in each request; a template makes that one copy of bytes.
 */
export class Templates {
  /** By target. Least recently used first. */
  readonly #entries = new Map<SeriesTable, Map<string, Entry>>()
  readonly #order = new Map<Entry, () => void>()
  #bytes = 0

  /** @param maxBytes of the kept templates; the one in use is not counted if it is larger */
  constructor(private readonly maxBytes: number) {}

  get bytes(): number {
    return this.#bytes
  }

  of({ table, target }: SampleBlock): Template {
    const key = target.join('\0')
    let ofTable = this.#entries.get(table)
    const known = ofTable?.get(key)
    if (known) {
      const drop = this.#order.get(known)!
      this.#order.delete(known)
      this.#order.set(known, drop)
      return known.template
    }
    const template = makeTemplate(table, target)
    const bytes = template.bytes.length + template.offsets.byteLength + TEMPLATE_BYTES
    if (bytes > this.maxBytes) return template
    if (!ofTable) {
      ofTable = new Map()
      this.#entries.set(table, ofTable)
    }
    const entry = { template, bytes }
    ofTable.set(key, entry)
    this.#bytes += bytes
    this.#order.set(entry, () => {
      ofTable.delete(key)
      if (ofTable.size === 0) this.#entries.delete(table)
    })
    for (const [oldest, drop] of this.#order) {
      if (this.#bytes <= this.maxBytes) break
      this.#order.delete(oldest)
      this.#bytes -= oldest.bytes
      drop()
    }
    return template
  }
}

/** Encoded names and values of the symbols of a table; empty for those of the target. */
const encoded = new WeakMap<SeriesTable, { names: (Buffer | null)[]; values: (Buffer | null)[] }>()

function makeTemplate(table: SeriesTable, target: readonly string[]): Template {
  const { refs, refsFrom, series } = table
  let cached = encoded.get(table)
  if (!cached) {
    const nothing = () => new Array<Buffer | null>(table.symbols.length).fill(null)
    cached = { names: nothing(), values: nothing() }
    // One that is relabelled may be of a single target, and its template is kept anyway.
    if (!table.isRelabelled) encoded.set(table, cached)
  }
  const { names, values } = cached
  const own = target.map(value => field(VALUE, value))
  const textOf = (known: (Buffer | null)[], key: number, ref: number): Buffer => {
    const text = known[ref] ?? field(key, table.symbols[ref])
    known[ref] = text
    return text
  }
  const nameField = (ref: number) => textOf(names, NAME, ref)
  const valueField = (ref: number) => (ref < own.length ? own[ref] : textOf(values, VALUE, ref))
  const offsets = new Uint32Array(series + 1)
  const lengths = new Uint32Array(series)
  for (let i = 0; i < series; i++) {
    let length = SAMPLE_BYTES
    for (let k = refsFrom[i]; k < refsFrom[i + 1]; k += 2) {
      const label = nameField(refs[k]).length + valueField(refs[k + 1]).length
      length += 1 + varintSize(label) + label
    }
    lengths[i] = length
    offsets[i + 1] = offsets[i] + 1 + varintSize(length) + length
  }
  const bytes = Buffer.alloc(offsets[series])
  let at = 0
  for (let i = 0; i < series; i++) {
    bytes[at++] = SERIES
    at = writeVarint(bytes, at, lengths[i])
    for (let k = refsFrom[i]; k < refsFrom[i + 1]; k += 2) {
      const name = nameField(refs[k])
      const value = valueField(refs[k + 1])
      bytes[at++] = LABEL
      at = writeVarint(bytes, at, name.length + value.length)
      bytes.set(name, at)
      at += name.length
      bytes.set(value, at)
      at += value.length
    }
    bytes[at] = SAMPLE
    bytes[at + 1] = SAMPLE_BYTES - 2
    bytes[at + 2] = SAMPLE_VALUE
    bytes[at + 11] = SAMPLE_TIME
    at += SAMPLE_BYTES
  }
  return { bytes, offsets }
}

function field(key: number, text: string): Buffer {
  const { length } = text
  const bytes = Buffer.allocUnsafe(1 + varintSize(length) + length)
  bytes[0] = key
  bytes.write(text, writeVarint(bytes, 1, length), 'latin1')
  return bytes
}
