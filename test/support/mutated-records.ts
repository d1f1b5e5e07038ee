import { createHash } from 'node:crypto'
import { deflateSync, gzipSync } from 'node:zlib'
import { partitionFor } from '../../shared/base/murmur2.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import type { Layout, LayoutFamily, LayoutSeries } from '../../shared/metrics/layout.js'
import type { Exemplar, Label } from '../../shared/metrics/model.js'
import { PUBLISHED_DICTIONARY } from '../../shared/snapshot/dictionary/dictionaries.js'
import { encodeFailure } from '../../shared/snapshot/failure.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { encodeLayout } from '../../shared/snapshot/layout.js'
import type { LayoutCompression } from '../../shared/snapshot/layout-compression.js'
import type { SnapshotHeader } from '../../shared/snapshot/types.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import { random } from '../bench/workload.js'
import { EXPENSIVE_LAYOUTS, simpleLayout } from './layouts.js'

const TARGETS = 20
const START = 1_700_000_000_000

/** A record, and how it was made. */
export interface MutatedRecord {
  readonly partition: number
  readonly record: LogRecord
  readonly mutation: string
}

interface RawLayout {
  readonly id: string
  readonly compressed: Buffer
}

interface Draft {
  header: SnapshotHeader
  layout: RawLayout
  values: number[]
  timestamps: number[] | null
  exemplars: Exemplar[] | null
}

const idOf = (bytes: Buffer) =>
  createHash('sha256').update(bytes).digest().toString('latin1', 0, 16)
const COMPRESSIONS = ['dictionary', 'gzip'] as const
/** A layout with the right id, whatever its bytes are. */
const rawLayout = (bytes: Buffer, compression: LayoutCompression = 'gzip'): RawLayout => ({
  id: idOf(bytes),
  compressed:
    compression === 'gzip'
      ? gzipSync(bytes, { level: 1 })
      : deflateSync(bytes, { level: 1, dictionary: PUBLISHED_DICTIONARY.bytes }),
})

const histogram = (series: number): LayoutFamily => ({
  name: 'request_duration_seconds',
  type: 'histogram',
  help: 'Duration of requests.',
  unit: 'seconds',
  series: Array.from({ length: series }, (_, i): LayoutSeries => {
    const labels = [{ name: 'route', value: `/${Math.floor(i / 4)}` }]
    const le = { name: 'le', value: ['0.1', '1.0', '+Inf'][i % 4] }
    if (i % 4 === 3) return { suffix: '_count', labels }
    return { suffix: '_bucket', labels: [le, ...labels] }
  }),
})

const LAYOUTS: readonly Layout[] = [
  simpleLayout(1),
  simpleLayout(40),
  { families: [histogram(24), ...simpleLayout(3, 'größe 💾').families] },
  {
    families: Array.from({ length: 30 }, (_, i) => ({
      ...simpleLayout(2, `family_${String(i).padStart(2, '0')}`).families[0],
      type: (['counter', 'gauge', 'unknown', 'summary'] as const)[i % 4],
      series: i % 4 === 3 ? [{ suffix: '_sum' as const, labels: [] }] : [],
    })),
  },
  simpleLayout(600),
]

/** Changes of a layout that break one of its rules. */
const BROKEN_LAYOUTS: Readonly<Record<string, (families: LayoutFamily[]) => LayoutFamily[]>> = {
  'a family twice': families => [...families, families[0]],
  'a series twice': ([first, ...rest]) => [
    { ...first, series: [...first.series, ...first.series] },
    ...rest,
  ],
  'a label twice': ([first, ...rest]) => [
    {
      ...first,
      series: [{ suffix: '', labels: [...Array(2)].map(() => ({ name: 'a', value: 'b' })) }],
    },
    ...rest,
  ],
  'labels not sorted': ([first, ...rest]) => [
    {
      ...first,
      series: [{ suffix: '', labels: ['b', 'a'].map(name => ({ name, value: '' })) }],
    },
    ...rest,
  ],
  'a reserved label': ([first, ...rest]) => [
    { ...first, series: [{ suffix: '', labels: [{ name: '__name__', value: 'x' }] }] },
    ...rest,
  ],
  'an empty name': ([first, ...rest]) => [{ ...first, name: '' }, ...rest],
  'a NUL': ([first, ...rest]) => [{ ...first, help: 'a\0b' }, ...rest],
  'a wrong suffix': ([first, ...rest]) => [
    { ...first, type: 'gauge', series: [{ suffix: '_sum', labels: [] }] },
    ...rest,
  ],
  'a bucket without le': ([first, ...rest]) => [
    { ...first, type: 'histogram', series: [{ suffix: '_bucket', labels: [] }] },
    ...rest,
  ],
  'too many labels': ([first, ...rest]) => [
    {
      ...first,
      series: [
        {
          suffix: '',
          labels: Array.from({ length: 65 }, (_, i) => ({ name: `a${i + 100}`, value: '' })),
        },
      ],
    },
    ...rest,
  ],
  'a long value': ([first, ...rest]) => [
    { ...first, series: [{ suffix: '', labels: [{ name: 'a', value: 'x'.repeat(4097) }] }] },
    ...rest,
  ],
  nothing: () => [],
}

/** Inflate to more than the limit, or to much that is invalid. */
const bombs = (): RawLayout[] => [
  rawLayout(Buffer.alloc(9_000_000)),
  rawLayout(Buffer.alloc(9_000_000), 'dictionary'),
  rawLayout(Buffer.alloc(8_000_000), 'dictionary'),
  rawLayout(Buffer.alloc(8_000_000)),
  rawLayout(Buffer.alloc(8_000_000, 2)),
  rawLayout(Buffer.alloc(8_000_000, 0xff)),
]

/**
 * Makes records of some targets, most of which are broken in one way. Deterministic: a seed makes
 * the same records each time.
 */
export class RecordMutator {
  readonly #random: () => number
  readonly #layouts = LAYOUTS.flatMap(layout =>
    COMPRESSIONS.map(compression => ({ layout, ...encodeLayout(layout, compression) })),
  )
  readonly #expensive: readonly RawLayout[]
  readonly #bombs = bombs()
  readonly #sequences = new Map<string, number>()
  #offset = 0
  #time = START

  /** @param partitions number of partitions of the topic */
  constructor(
    seed: number,
    private readonly partitions: number,
  ) {
    this.#random = random(seed)
    this.#expensive = Object.values(EXPENSIVE_LAYOUTS).map(make => encodeLayout(make(10)))
  }

  next(): MutatedRecord {
    this.#time += 10
    const target = this.#target()
    const draft = this.#draft(target)
    const mutation = this.#pick(MUTATIONS)
    const changed = mutation.draft?.(draft, this) ?? draft
    const encoded = mutation.record ? mutation.record(changed, this) : encode(changed)
    const value = mutation.bytes ? mutation.bytes(encoded, this) : encoded
    const key = targetKey(target)
    const record = { offset: this.#offset++, timestamp: this.#time, key, value }
    return {
      partition: partitionFor(key, this.partitions),
      record: mutation.envelope?.(record, this) ?? record,
      mutation: mutation.name,
    }
  }

  /** A whole number below `n`. */
  below(n: number): number {
    return Math.floor(this.#random() * n)
  }

  bomb(): RawLayout {
    return this.#pick(this.#bombs)
  }

  expensive(): RawLayout {
    return this.#pick(this.#expensive)
  }

  layout(): Layout & RawLayout & { readonly bytes: Buffer } {
    const { layout, ...encoded } = this.#pick(this.#layouts)
    return { ...layout, ...encoded }
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]
  }

  #target(): Label[] {
    const instance = `10.0.0.${this.below(TARGETS)}:8080`
    return [
      { name: 'instance', value: instance },
      { name: 'job', value: 'api' },
    ]
  }

  #draft(target: Label[]): Draft {
    const layout = this.layout()
    const count = layout.families.reduce((sum, { series }) => sum + series.length, 0)
    const key = target[0].value
    const sequence = (this.#sequences.get(key) ?? -1) + 1 + (this.below(20) === 0 ? 1 : 0)
    this.#sequences.set(key, sequence)
    return {
      header: {
        target,
        incarnation: 1000,
        sequence,
        superseded: 0,
        collectedAt: this.#time - this.below(5),
        intervalMs: 1000,
        collectSeconds: 0.001,
        part: 0,
        parts: 1,
        end: this.below(200) === 0,
        layoutId: layout.id,
      },
      layout,
      values: Array.from({ length: count }, () => this.#value()),
      timestamps: this.below(10) === 0 ? Array.from({ length: count }, () => this.#time - 5) : null,
      exemplars: this.below(10) === 0 && count > 0 ? [this.#exemplar(count)] : null,
    }
  }

  #value(): number {
    return this.below(4) === 0 ? this.#random() * 1e6 : this.below(1e6)
  }

  #exemplar(count: number): Exemplar {
    const labels = [{ name: 'trace_id', value: `${this.below(1e9)}` }]
    return { series: this.below(count), labels, value: this.#value(), timestamp: this.#time }
  }
}

function encode({ header, layout, values, timestamps, exemplars }: Draft): Buffer {
  const { compressed } = layout
  return encodeSnapshot(
    { ...header, layoutId: layout.id },
    { layoutCompressed: compressed, values, timestamps, exemplars },
  )
}

interface Mutation {
  readonly name: string
  draft?(draft: Draft, r: RecordMutator): Draft
  /** Encodes the draft, in place of a Snapshot. */
  record?(draft: Draft, r: RecordMutator): Buffer
  bytes?(bytes: Buffer, r: RecordMutator): Buffer
  envelope?(record: LogRecord, r: RecordMutator): LogRecord
}

function flipBits(bytes: Buffer, r: RecordMutator): Buffer {
  const flipped = Buffer.from(bytes)
  for (let left = 1 + r.below(6); left > 0 && bytes.length > 0; left--)
    flipped[r.below(bytes.length)] ^= 1 << r.below(8)
  return flipped
}

/** Lengths and counts that lie: the longest varints, and large ones. */
const LIES = ['ffffffffffffffffff01', 'feffffff0f', '80808080808080808001', '01', '7f', 'ff7f']

function lie(bytes: Buffer, r: RecordMutator): Buffer {
  const at = r.below(bytes.length + 1)
  const number = Buffer.from(LIES[r.below(LIES.length)], 'hex')
  const rest = bytes.subarray(at + (r.below(2) === 0 ? 1 : number.length))
  return Buffer.concat([bytes.subarray(0, at), number, rest])
}

function splice(bytes: Buffer, r: RecordMutator): Buffer {
  const spliced = Buffer.from(bytes)
  const from = r.below(bytes.length)
  spliced.copy(spliced, r.below(bytes.length), from, from + r.below(100))
  return spliced
}

const truncate = (bytes: Buffer, r: RecordMutator) => bytes.subarray(0, r.below(bytes.length))
const extend = (bytes: Buffer, r: RecordMutator) =>
  Buffer.concat([bytes, Buffer.from(bytes.subarray(0, 1 + r.below(20)))])
const BYTES = { flipBits, lie, splice, truncate, extend }

const numbers = [-1, 0, 1, 999, 120_001, 2 ** 40, Number.MAX_SAFE_INTEGER]
const FIELDS = [
  'incarnation',
  'sequence',
  'superseded',
  'collectedAt',
  'intervalMs',
  'part',
  'parts',
  'collectSeconds',
] as const

const withLayout = (draft: Draft, layout: RawLayout): Draft => ({ ...draft, layout })

const COMPRESSED: Readonly<Record<string, (compressed: Buffer, r: RecordMutator) => Buffer>> = {
  'wrong size or checksum at the end': (compressed, r) => {
    const changed = Buffer.from(compressed)
    changed.writeUInt32LE(r.below(2 ** 32), changed.length - 4)
    return changed
  },
  'another dictionary': (compressed, r) => {
    const changed = Buffer.from(compressed)
    changed.writeUInt32LE(r.below(2 ** 32), 2)
    return changed
  },
  'no dictionary': compressed => deflateSync(compressed),
  'flipped bits': flipBits,
  'two streams': compressed => Buffer.concat([compressed, compressed]),
  'a rest': compressed => Buffer.concat([compressed, Buffer.from('rest')]),
  'no beginning': compressed => compressed.subarray(2),
  'no end': truncate,
  empty: () => Buffer.alloc(0),
}

const MUTATIONS: readonly Mutation[] = [
  { name: 'none' },
  { name: 'none' },
  ...Object.entries(BYTES).map(([name, bytes]): Mutation => ({ name: `record: ${name}`, bytes })),
  ...Object.entries(BYTES).map(
    ([name, change]): Mutation => ({
      name: `layout: ${name}`,
      draft: (draft, r) =>
        withLayout(draft, rawLayout(change(r.layout().bytes, r), COMPRESSIONS[r.below(2)])),
    }),
  ),
  ...Object.entries(BROKEN_LAYOUTS).map(
    ([name, change]): Mutation => ({
      name: `layout: ${name}`,
      draft: (draft, r) => {
        const families = [...r.layout().families]
        return withLayout(draft, encodeLayout({ families: change(families) }))
      },
    }),
  ),
  ...Object.entries(COMPRESSED).map(
    ([name, change]): Mutation => ({
      name: `compressed: ${name}`,
      draft: (draft, r) => {
        const { compressed } = r.layout()
        // An id that is not known, so that the bytes are read.
        const id = idOf(Buffer.from(`${r.below(1e9)}`))
        const isRight = r.below(2) === 0
        return withLayout(draft, {
          id: isRight ? draft.layout.id : id,
          compressed: change(compressed, r),
        })
      },
    }),
  ),
  {
    name: 'a bomb',
    draft: (draft, r) => (r.below(20) === 0 ? withLayout(draft, r.bomb()) : draft),
  },
  {
    name: 'an expensive layout',
    draft: (draft, r) => (r.below(40) === 0 ? withLayout(draft, r.expensive()) : draft),
  },
  {
    name: 'a number of the header',
    draft: (draft, r) => ({
      ...draft,
      header: {
        ...draft.header,
        [FIELDS[r.below(FIELDS.length)]]: numbers[r.below(numbers.length)],
      },
    }),
  },
  {
    name: 'parts',
    draft: (draft, r) => ({
      ...draft,
      header: {
        ...draft.header,
        sequence: draft.header.sequence - r.below(3),
        parts: 1 + r.below(3),
        part: r.below(3),
      },
    }),
  },
  {
    name: 'the number of values',
    draft: (draft, r) => ({
      ...draft,
      timestamps: null,
      values: draft.values.concat(draft.values).slice(r.below(draft.values.length + 1)),
    }),
  },
  {
    name: 'exemplars',
    draft: (draft, r) => ({
      ...draft,
      exemplars: Array.from({ length: 1 + r.below(50) }, () => ({
        series: r.below(draft.values.length + 1),
        labels: Array.from({ length: r.below(3) }, () => ({
          name: `a${r.below(2)}`,
          value: 'x'.repeat(r.below(100)),
        })),
        value: 1,
        timestamp: null,
      })),
    }),
  },
  {
    name: 'long exemplars',
    draft: (draft, r) => ({
      ...draft,
      exemplars: Array.from({ length: r.below(20) === 0 ? 4000 : 200 }, (_, i) => ({
        series: r.below(1000) === 0 ? draft.values.length : i % Math.max(1, draft.values.length),
        labels: Array.from({ length: 30 }, (_, l) => ({ name: `${l}`, value: 'x' })),
        value: 1,
        timestamp: null,
      })),
    }),
  },
  {
    name: 'a failure',
    record: ({ header }, r) => encodeFailure(header, 'x'.repeat(r.below(2000))),
  },
  {
    name: 'a broken failure',
    record: ({ header }, r) => flipBits(encodeFailure(header, 'connection refused'), r),
  },
  {
    name: 'a wrong fingerprint',
    bytes: (bytes, r) => {
      const changed = Buffer.from(bytes)
      changed[r.below(10)] ^= 1 << r.below(8)
      return changed
    },
  },
  {
    name: 'a wrong key',
    envelope: (record, r) => ({
      ...record,
      key: r.below(3) === 0 ? null : flipBits(record.key!, r),
    }),
  },
  {
    name: 'no value',
    envelope: (record, r) => ({
      ...record,
      value: null,
      ...(r.below(2) === 0 ? { unreadable: 'codec' as const } : {}),
    }),
  },
]
