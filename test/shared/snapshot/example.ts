import { gzipSync } from 'node:zlib'
import type { Layout } from '../../../shared/metrics/layout.js'
import { FAILURE_ENVELOPE, SNAPSHOT_ENVELOPE } from '../../../shared/snapshot/envelope.js'
import { targetKey } from '../../../shared/snapshot/key.js'
import { encodeLayout } from '../../../shared/snapshot/layout.js'
import type { CollectionHeader, SnapshotHeader } from '../../../shared/snapshot/types.js'
import { double, zigzag } from './spelling.js'

/** The record that docs/wire-format.md explains byte by byte. */
export const EXAMPLE_LAYOUT: Layout = {
  families: [
    {
      name: 'http_requests',
      type: 'counter',
      help: 'Requests served',
      unit: '',
      series: [
        { suffix: '_total', labels: [{ name: 'method', value: 'GET' }] },
        { suffix: '_total', labels: [{ name: 'method', value: 'POST' }] },
      ],
    },
    {
      name: 'latency_seconds',
      type: 'histogram',
      help: '',
      unit: 'seconds',
      series: [
        { suffix: '_bucket', labels: [{ name: 'le', value: '0.1' }] },
        { suffix: '_bucket', labels: [{ name: 'le', value: '+Inf' }] },
        { suffix: '_sum', labels: [] },
        { suffix: '_count', labels: [] },
      ],
    },
  ],
}
export const EXAMPLE_VALUES = [1027, 3, 4, 5, 0.75, 5]

const encoded = encodeLayout(EXAMPLE_LAYOUT)

const target = [
  { name: 'instance', value: '10.0.0.7:8080' },
  { name: 'job', value: 'shop' },
]
const incarnation = 1_767_225_600_000

export const EXAMPLE_HEADER: SnapshotHeader = {
  target,
  incarnation,
  sequence: 2,
  superseded: 0,
  collectedAt: 1_767_225_645_250,
  intervalMs: 15_000,
  collectSeconds: 0.00390625,
  part: 0,
  parts: 1,
  end: false,
  layoutId: encoded.id,
}

/** The next collection, which fails. */
export const EXAMPLE_FAILURE_HEADER: CollectionHeader = {
  target,
  incarnation,
  sequence: 3,
  superseded: 0,
  collectedAt: 1_767_225_661_250,
  intervalMs: 15_000,
  collectSeconds: 1,
}
export const EXAMPLE_FAILURE = 'the database does not answer'

/**
 * The layout in gzip without compression: compressed bytes depend on the library, and stored ones
 * are readable.
 */
export const EXAMPLE_GZIP: Buffer = (() => {
  const { bytes } = encoded
  const length = Buffer.alloc(4)
  length.writeUInt16LE(bytes.length, 0)
  length.writeUInt16LE(~bytes.length & 0xffff, 2)
  const trailer = gzipSync(bytes).subarray(-8) // CRC-32 and length, the same for any compression
  return Buffer.concat([Buffer.from('1f8b08000000000000ff01', 'hex'), length, bytes, trailer])
})()

/** The layout as zlib 1.3 compresses it with dictionary 1, at level 9. */
export const EXAMPLE_ZLIB = Buffer.from(
  '78f939f1458563419b28950b828d2842565d2396f222cf66a1898127d51818e4d0462ad918f8606396f8c711b0f5f219001efa2f73',
  'hex',
)

/** Lines of bytes with notes. */
class Dump {
  readonly #lines: { at: number; bytes: Buffer; note: string }[] = []
  #at = 0

  add(bytes: Buffer, note: string): this {
    this.#lines.push({ at: this.#at, bytes, note })
    this.#at += bytes.length
    return this
  }

  string(text: string, note = ''): this {
    return this.add(
      Buffer.concat([zigzag(Buffer.byteLength(text)), Buffer.from(text)]),
      `${note}"${text}"`,
    )
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#lines.map(line => line.bytes))
  }

  /** Lines of at most `width` bytes; the note is beside the first line of an item. */
  text(width = 12): string {
    const lines: string[] = []
    for (const { at, bytes, note } of this.#lines) {
      for (let i = 0; i === 0 || i < bytes.length; i += width) {
        const hex = [...bytes.subarray(i, i + width)]
          .map(b => b.toString(16).padStart(2, '0'))
          .join(' ')
        const offset = (at + i).toString(16).padStart(4, '0')
        lines.push(`${offset}  ${hex.padEnd(width * 3)} ${i === 0 ? note : ''}`.trimEnd())
      }
    }
    return lines.join('\n')
  }
}

function dumpLayout(): Dump {
  const dump = new Dump()
  const types = ['unknown', 'counter', 'gauge', 'histogram', 'summary']
  const { families } = EXAMPLE_LAYOUT
  dump.add(zigzag(families.length), `families: a block of ${families.length}`)
  for (const family of families) {
    dump
      .string(family.name, 'name ')
      .add(zigzag(types.indexOf(family.type)), `type: ${family.type}`)
    dump.string(family.help, 'help ').string(family.unit, 'unit ')
    dump.add(zigzag(family.series.length), `series: a block of ${family.series.length}`)
    for (const { suffix, labels } of family.series) {
      dump.string(suffix, 'suffix ')
      if (labels.length) dump.add(zigzag(labels.length), `labels: a block of ${labels.length}`)
      for (const { name, value } of labels) dump.string(name).string(value)
      dump.add(zigzag(0), 'end of labels')
    }
    dump.add(zigzag(0), 'end of series')
  }
  return dump.add(zigzag(0), 'end of families')
}

function dumpCollection(envelope: Buffer, h: CollectionHeader): Dump {
  const dump = new Dump()
  dump.add(envelope.subarray(0, 2), 'marker of an Avro single object')
  dump.add(envelope.subarray(2), 'fingerprint of the schema, little endian')
  dump.add(zigzag(h.target.length), `target: a block of ${h.target.length}`)
  for (const { name, value } of h.target) dump.string(name).string(value)
  dump.add(zigzag(0), 'end of target')
  for (const field of [
    'incarnation',
    'sequence',
    'superseded',
    'collectedAt',
    'intervalMs',
  ] as const) {
    dump.add(zigzag(h[field]), `${field}: ${h[field]}`)
  }
  return dump.add(double(h.collectSeconds), `collectSeconds: ${h.collectSeconds}`)
}

function dumpRecord(): Dump {
  const h = EXAMPLE_HEADER
  const dump = dumpCollection(SNAPSHOT_ENVELOPE, h)
  dump.add(zigzag(h.part), `part: ${h.part}`).add(zigzag(h.parts), `parts: ${h.parts}`)
  dump.add(Buffer.from([h.end ? 1 : 0]), `end: ${h.end}`)
  dump.add(Buffer.from(h.layoutId, 'latin1'), 'layoutId')
  dump
    .add(zigzag(EXAMPLE_GZIP.length), `layout: ${EXAMPLE_GZIP.length} bytes of gzip`)
    .add(EXAMPLE_GZIP, '')
  dump.add(zigzag(EXAMPLE_VALUES.length), `values: a block of ${EXAMPLE_VALUES.length}`)
  for (const value of EXAMPLE_VALUES) {
    const whole = Number.isInteger(value)
    const bytes = Buffer.concat([zigzag(whole ? 0 : 1), whole ? zigzag(value) : double(value)])
    dump.add(bytes, `${whole ? 'branch 0, a long' : 'branch 1, a double'}: ${value}`)
  }
  dump.add(zigzag(0), 'end of values')
  return dump.add(zigzag(0), 'timestamps: null').add(zigzag(0), 'exemplars: null')
}

const dumpZlib = (): Dump =>
  new Dump()
    .add(EXAMPLE_ZLIB.subarray(0, 2), 'zlib with a window of 32 KiB, FDICT')
    .add(EXAMPLE_ZLIB.subarray(2, 6), 'DICTID, big endian')
    .add(EXAMPLE_ZLIB.subarray(6, -4), 'deflate')
    .add(EXAMPLE_ZLIB.subarray(-4), 'Adler-32 of the layout, big endian')

const dumpFailure = (): Dump =>
  dumpCollection(FAILURE_ENVELOPE, EXAMPLE_FAILURE_HEADER).string(EXAMPLE_FAILURE, 'failure ')

const layoutDump = dumpLayout()
const recordDump = dumpRecord()
export const EXAMPLE = {
  key: targetKey(EXAMPLE_HEADER.target),
  layout: layoutDump.bytes,
  layoutText: layoutDump.text(),
  record: recordDump.bytes,
  recordText: recordDump.text(),
  failureText: dumpFailure().text(),
  zlibText: dumpZlib().text(),
}
