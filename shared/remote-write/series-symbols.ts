import { varintSize } from '../metrics/remote-write/output.js'
import type { SampleBlock } from './block.js'
import { type SeriesSymbols, TARGET_SYMBOL, TIME_SYMBOL } from './series-code.js'
import type { SeriesTable } from './series-table.js'
import { fitsTemplate } from './templates.js'

/** Values are compared as two words. */
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1
const TIME_BYTES = 6

/** Whether a block is one of a code: all its series, or a range, with values at one time. */
export const isCodable = ({ indexes, values, time, times, exemplars }: SampleBlock): boolean =>
  IS_LITTLE_ENDIAN && !indexes && !times && !!values && !exemplars?.length && fitsTemplate(time)

/** Labels of a target that a block may have: each has a bit. */
export const MAX_CODED_LABELS = 30

/** The series of a table in protocol 2.0. @param refs in the request, by symbol of the table */
export function symbolsOf2(table: SeriesTable, refs: Uint32Array, widths: number): SeriesSymbols {
  const symbolsFrom: number[] = []
  let next = TARGET_SYMBOL
  for (let i = 0; i < table.targetLabels; i++) {
    symbolsFrom.push(next)
    next += widths & (1 << i) ? 2 : 1
  }
  const metadata = (i: number): number[] => {
    const [type, help, unit] = [table.types[i], refs[table.helps[i]], refs[table.units[i]]]
    const content = [
      ...(type > 0 ? [0x08, type] : []),
      ...(help > 0 ? [0x18, ...varint(help)] : []),
      ...(unit > 0 ? [0x20, ...varint(unit)] : []),
    ]
    return content.length > 0 ? [0x2a, content.length, ...content] : []
  }
  return {
    series: table.series,
    head: i => {
      const labels: number[] = []
      for (let k = table.refsFrom[i]; k < table.refsFrom[i + 1]; k++) {
        const symbol = table.refs[k]
        if (symbol >= table.targetLabels) labels.push(...varint(refs[symbol]))
        else
          for (let s = symbolsFrom[symbol]; s < (symbolsFrom[symbol + 1] ?? next); s++)
            labels.push(s)
      }
      const sample = 2 + 9 + 1 + TIME_BYTES
      const length = 1 + varintSize(labels.length) + labels.length + sample + metadata(i).length
      const front = [0x2a, ...varint(length), 0x0a, ...varint(labels.length)]
      return [...front, ...labels, 0x12, sample - 2, 0x09]
    },
    tail: i => [0x10, ...TIME, ...metadata(i)],
  }
}

/** The series of a table in protocol 1.0. @param lengths of the values of the target's labels */
export function symbolsOf1(table: SeriesTable, lengths: readonly number[]): SeriesSymbols {
  const symbolsFrom: number[] = []
  let next = TARGET_SYMBOL
  for (const length of lengths) {
    symbolsFrom.push(next)
    next += length
  }
  const text = (symbol: number): number[] => {
    if (symbol < lengths.length)
      return Array.from({ length: lengths[symbol] }, (_, i) => symbolsFrom[symbol] + i)
    return [...Buffer.from(table.symbols[symbol], 'latin1')]
  }
  return {
    series: table.series,
    head: i => {
      const labels: number[] = []
      for (let k = table.refsFrom[i]; k < table.refsFrom[i + 1]; k += 2) {
        const name = field(0x0a, text(table.refs[k]))
        labels.push(...field(0x0a, [...name, ...field(0x12, text(table.refs[k + 1]))]))
      }
      const sample = 2 + 9 + 1 + TIME_BYTES
      return [0x0a, ...varint(labels.length + sample), ...labels, 0x12, sample - 2, 0x09]
    },
    tail: () => [0x10, ...TIME],
  }
}

const TIME = Array.from({ length: TIME_BYTES }, (_, i) => TIME_SYMBOL + i)

const field = (key: number, content: readonly number[]): number[] => [
  key,
  ...varint(content.length),
  ...content,
]

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return bytes
}
