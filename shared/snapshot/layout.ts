import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { BytesReader } from './bytes-reader.js'
import { BytesWriter } from './bytes-writer.js'
import { RefusedError } from './errors.js'
import { canonicalFloat } from './float-text.js'
import { DEFAULT_LIMITS, type Limits } from './limits.js'
import {
  FAMILY_TYPES,
  type Label,
  type Layout,
  type LayoutFamily,
  type LayoutSeries,
  SUFFIXES,
  type Suffix,
} from './types.js'
import { writeArray } from './write.js'

export interface EncodedLayout {
  /** First 16 bytes of SHA-256 of `bytes`, as 16 latin1 characters. */
  readonly id: string
  /** Uncompressed Avro, without an envelope. */
  readonly bytes: Buffer
  /** gzip of them: what a record carries. */
  readonly compressed: Buffer
}

/** The id of an uncompressed layout. */
export function layoutIdOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest().toString('latin1', 0, 16)
}

/** Costs a hash and a compression: done when a layout changes, not for every snapshot. */
export function encodeLayout(layout: Layout): EncodedLayout {
  const out = new BytesWriter()
  writeArray(out, layout.families, family => {
    out.string(family.name)
    out.long(FAMILY_TYPES.indexOf(family.type))
    out.string(family.help)
    out.string(family.unit)
    writeArray(out, family.series, series => {
      out.string(series.suffix)
      writeArray(out, series.labels, label => {
        out.string(label.name)
        out.string(label.value)
      })
    })
  })
  const bytes = out.toBuffer()
  return { id: layoutIdOf(bytes), bytes, compressed: gzipSync(bytes) }
}

/**
 * A layout as a record carries it, inflated within a bound and checked against the id it claims, so that one producer can
 * never put its layout under another's id.
 */
export function inflateLayout(id: string, compressed: Uint8Array, limits: Limits = DEFAULT_LIMITS): Buffer {
  let bytes: Buffer
  try {
    bytes = gunzipSync(compressed, { maxOutputLength: limits.bytes })
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    if (tooLarge) throw new RefusedError('limit', `the layout inflates to more than ${limits.bytes} bytes`)
    throw new RefusedError('layout', `the layout is not gzip: ${(error as Error).message}`)
  }
  if (layoutIdOf(bytes) !== id) {
    throw new RefusedError(
      'layout',
      'layoutId is not the first 16 bytes of SHA-256 of the uncompressed layout',
    )
  }
  return bytes
}

/** Reads an uncompressed layout that anybody may have written. `le` and `quantile` come out in canonical text. */
export function decodeLayout(bytes: Buffer, limits: Limits = DEFAULT_LIMITS): Layout {
  const input = new BytesReader()
  input.reset(bytes)
  const families: LayoutFamily[] = []
  const budget = { series: limits.samples }
  for (;;) {
    const count = input.count(limits.samples - families.length, 5, 'families')
    if (count === 0) break
    for (let i = 0; i < count; i++) families.push(readFamily(input, limits, budget))
  }
  input.finish()
  return { families }
}

function readFamily(input: BytesReader, limits: Limits, budget: { series: number }): LayoutFamily {
  const name = input.string(limits.nameBytes, "a family's name")
  const type = FAMILY_TYPES[input.long()]
  if (type === undefined) throw new RefusedError('layout', `family ${JSON.stringify(name)} has no known type`)
  const help = input.string(limits.valueBytes, "a family's help")
  const unit = input.string(limits.nameBytes, "a family's unit")
  const series: LayoutSeries[] = []
  for (;;) {
    const count = input.count(budget.series, 2, 'series')
    if (count === 0) return { name, type, help, unit, series }
    budget.series -= count
    for (let i = 0; i < count; i++) {
      const suffix = readSuffix(input, name)
      series.push({ suffix, labels: readLabels(input, limits) })
    }
  }
}

function readSuffix(input: BytesReader, family: string): Suffix {
  const text = input.string(16, "a series' suffix")
  const suffix = SUFFIXES.find(s => s === text)
  if (suffix === undefined) {
    throw new RefusedError(
      'layout',
      `${JSON.stringify(family)} has a series with suffix ${JSON.stringify(text)}, which is none`,
    )
  }
  return suffix
}

function readLabels(input: BytesReader, limits: Limits): Label[] {
  const labels: Label[] = []
  for (;;) {
    const count = input.count(limits.labels - labels.length, 2, 'labels of a series')
    if (count === 0) return labels
    for (let i = 0; i < count; i++) {
      const name = input.string(limits.nameBytes, "a label's name")
      const value = input.string(limits.valueBytes, `the value of label ${JSON.stringify(name)}`)
      labels.push({ name, value: name === 'le' || name === 'quantile' ? canonicalFloat(value) : value })
    }
  }
}
