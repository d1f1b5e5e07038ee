import { createHash } from 'node:crypto'
import { quote } from '../base/quote.js'
import { runNow, type Steps } from '../base/steps.js'
import { canonicalFloat } from '../metrics/float-text.js'
import {
  FAMILY_TYPES,
  type Layout,
  type LayoutFamily,
  type LayoutSeries,
  numberLabelOf,
  SUFFIXES,
  type Suffix,
} from '../metrics/layout.js'
import { DEFAULT_LIMITS, type Limits } from '../metrics/limits.js'
import type { Label } from '../metrics/model.js'
import { BytesReader } from './bytes-reader.js'
import { BytesWriter } from './bytes-writer.js'
import { RefusedError } from './errors.js'
import { LabelTable } from './label-table.js'
import {
  compressLayoutSteps,
  decompressLayoutSteps,
  type LayoutCompression,
} from './layout-compression.js'
import { writeArray } from './write.js'

export interface EncodedLayout {
  /** First 16 bytes of the SHA-256 of `bytes`, as 16 latin1 characters. */
  readonly id: string
  /** Uncompressed Avro, without an envelope. */
  readonly bytes: Buffer
  /** `bytes` compressed, as in a record. */
  readonly compressed: Buffer
}

/** Bytes hashed per step. */
const HASH_STEP_BYTES = 256 * 1024

/** The id of an uncompressed layout. */
function* layoutIdSteps(bytes: Uint8Array): Steps<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < bytes.length; at += HASH_STEP_BYTES) {
    if (at > 0) yield
    hash.update(bytes.subarray(at, at + HASH_STEP_BYTES))
  }
  return hash.digest().toString('latin1', 0, 16)
}

/**
 * Computes a hash and compresses: call it when a layout changes, not per snapshot. Equal layouts
 * have equal bytes.
 */
export function encodeLayout(layout: Layout, compression?: LayoutCompression): EncodedLayout {
  return runNow(encodeLayoutSteps(layout, compression))
}

function* encodeLayoutSteps(
  { families }: Layout,
  compression?: LayoutCompression,
): Steps<EncodedLayout> {
  const { bytes } = yield* encodeFamilies(families)
  return yield* finishLayout(families.length, bytes, compression)
}

const SERIES_PER_STEP = 100

/** The encoded families, concatenated, and the end of each of them. */
export function* encodeFamilies(
  families: readonly LayoutFamily[],
): Steps<{ readonly bytes: Buffer; readonly ends: readonly number[] }> {
  const out = new BytesWriter()
  const ends: number[] = []
  let written = 0
  for (const { name, type, help, unit, series } of families) {
    out.string(name)
    out.long(FAMILY_TYPES.indexOf(type))
    out.string(help)
    out.string(unit)
    if (series.length > 0) out.long(series.length)
    for (const { suffix, labels } of series) {
      out.string(suffix)
      writeArray(out, labels, label => {
        out.string(label.name)
        out.string(label.value)
      })
      if (++written % SERIES_PER_STEP === 0) yield
    }
    out.long(0)
    ends.push(out.length)
  }
  return { bytes: out.toBuffer(), ends }
}

/**
 * Encodes a layout from encoded families.
 *
 * @param count number of families
 * @param families the encoded families, concatenated
 */
export function* finishLayout(
  count: number,
  families: Uint8Array,
  compression: LayoutCompression = 'dictionary',
): Steps<EncodedLayout> {
  const out = new BytesWriter(families.length + 12)
  if (count > 0) out.long(count)
  out.fixed(families)
  out.long(0)
  const bytes = out.toBuffer()
  const compressed = yield* compressLayoutSteps(bytes, compression)
  return { id: yield* layoutIdSteps(bytes), bytes, compressed }
}

/**
 * Decompresses the layout of a record within a limit and checks it against its id, so that no
 * producer can store a layout with the id of another.
 *
 * @throws RefusedError (`limit`, `layout`)
 */
export function* inflateLayoutSteps(
  id: string,
  compressed: Uint8Array,
  limits: Limits = DEFAULT_LIMITS,
): Steps<Buffer> {
  const bytes = yield* decompressLayoutSteps(compressed, limits.bytes)
  if ((yield* layoutIdSteps(bytes)) !== id) {
    throw new RefusedError(
      'layout',
      'layoutId is not the first 16 bytes of the SHA-256 of the uncompressed layout; hash the layout before compressing it',
    )
  }
  return bytes
}

/** As `inflateLayoutSteps`, at once. */
export function inflateLayout(id: string, compressed: Uint8Array, limits?: Limits): Buffer {
  return runNow(inflateLayoutSteps(id, compressed, limits))
}

/**
 * Reads an untrusted uncompressed layout. Equal labels become the same object. Numbers in `le` and
 * `quantile` become canonical text. `validateLayout` checks the content.
 *
 * @throws RefusedError (`truncated`, `limit`, `layout`; `label` for text that is not UTF-8)
 */
export function decodeLayoutSteps(bytes: Buffer, limits: Limits = DEFAULT_LIMITS): Steps<Layout> {
  return new LayoutReader(bytes, limits).read()
}

/** As `decodeLayoutSteps`, at once. */
export function decodeLayout(bytes: Buffer, limits?: Limits): Layout {
  return runNow(decodeLayoutSteps(bytes, limits))
}

/** Input that is read per step, bytes. */
const READ_STEP_BYTES = 16 * 1024
/** Maximum number of labels whose canonical form is remembered. */
const MAX_CANONICAL = 10_000

interface FamilyHead extends Omit<LayoutFamily, 'series'> {
  readonly series: LayoutSeries[]
}

class LayoutReader {
  readonly #in = new BytesReader('layout')
  readonly #labels: LabelTable
  readonly #canonical = new Map<Label, Label>()
  #seriesSeen = 0
  /** Position at which the current step ends. */
  #stepEnd = READ_STEP_BYTES

  constructor(
    bytes: Buffer,
    private readonly limits: Limits,
  ) {
    this.#in.reset(bytes)
    this.#labels = new LabelTable(this.#in, limits)
  }

  *read(): Steps<Layout> {
    const families: LayoutFamily[] = []
    for (;;) {
      const count = this.#in.count(this.limits.samples, families.length, 5, 'families')
      if (count === 0) break
      for (let i = 0; i < count; i++) {
        const family = this.#head()
        families.push(family)
        for (;;) {
          let left = this.#in.count(this.limits.samples, this.#seriesSeen, 2, 'series')
          if (left === 0) break
          this.#seriesSeen += left
          while (left > 0) {
            left -= this.#series(family, left)
            if (this.#stepIsOver()) yield
          }
        }
        if (this.#stepIsOver()) yield
      }
    }
    this.#in.expectEnd()
    return { families }
  }

  #stepIsOver(): boolean {
    if (this.#in.position < this.#stepEnd) return false
    this.#stepEnd = this.#in.position + READ_STEP_BYTES
    return true
  }

  #head(): FamilyHead {
    const { limits } = this
    const input = this.#in
    const name = input.string(limits.nameBytes, "a family's name")
    const type = FAMILY_TYPES[input.long()]
    if (type === undefined)
      throw new RefusedError(
        'layout',
        `family ${quote(name)} has an unknown type; use 0 (unknown) to 4 (summary)`,
      )
    const help = input.string(limits.valueBytes, "a family's help")
    const unit = input.string(limits.nameBytes, "a family's unit")
    return { name, type, help, unit, series: [] }
  }

  /** Reads series until the step is over. @returns their number, at most `max` */
  #series({ name, type, series }: FamilyHead, max: number): number {
    let read = 0
    while (read < max && this.#in.position < this.#stepEnd) {
      const suffix = this.#suffix(name)
      const labels = this.#seriesLabels()
      this.#makeCanonical(numberLabelOf(type, suffix), labels)
      series.push({ suffix, labels })
      read++
    }
    return read
  }

  #suffix(family: string): Suffix {
    const text = this.#in.string(this.limits.nameBytes, "a series' suffix")
    const suffix = SUFFIXES.find(s => s === text)
    if (suffix !== undefined) return suffix
    throw new RefusedError(
      'layout',
      text === '_created'
        ? `family ${quote(family)} has a _created series; omit it`
        : `family ${quote(family)} has a series with suffix ${quote(text)}; use "", _total, _bucket, _sum or _count`,
    )
  }

  #seriesLabels(): Label[] {
    const labels: Label[] = []
    for (;;) {
      const count = this.#in.count(this.limits.labels, labels.length, 2, 'labels of a series')
      if (count === 0) return labels
      for (let i = 0; i < count; i++) labels.push(this.#labels.read(labels.length))
    }
  }

  #makeCanonical(name: string | undefined, labels: Label[]): void {
    if (name === undefined) return
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]
      if (label.name !== name) continue
      let canonical = this.#canonical.get(label)
      if (!canonical) {
        const value = canonicalFloat(label.value)
        canonical = value === label.value ? label : { name, value }
        if (this.#canonical.size < MAX_CANONICAL) this.#canonical.set(label, canonical)
      }
      labels[i] = canonical
    }
  }
}
