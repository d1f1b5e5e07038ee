import { BytesReader } from './bytes-reader.js'
import { ENVELOPE } from './envelope.js'
import { RefusedError } from './errors.js'
import { DEFAULT_LIMITS, type Limits } from './limits.js'
import type { Exemplar, Label, SnapshotHeader } from './types.js'

export interface Body {
  readonly values: Float64Array
  /** Unix ms, one per value, or null. */
  readonly timestamps: Float64Array | null
  readonly exemplars: readonly Exemplar[] | null
}

/**
 * Reads one record after another without allocating for what is known already: the target's labels and the layout are
 * compared as bytes first and decoded only when they are new, the values go straight into a Float64Array.
 *
 * `open` reads everything but labels, layout and values. The other methods work on the record that was opened last. All of
 * them throw RefusedError, whatever the bytes are, and allocate no more than a small multiple of the record's size.
 */
export class SnapshotReader {
  readonly #in = new BytesReader()
  #targetStart = 0
  #targetEnd = 0
  #layoutIdAt = 0
  #layoutStart = 0
  #layoutEnd = 0
  #valuesStart = 0

  incarnation = 0
  sequence = 0
  superseded = 0
  collectedAt = 0
  intervalMs = 0
  collectSeconds = 0
  part = 0
  parts = 0
  end = false

  constructor(private readonly limits: Limits = DEFAULT_LIMITS) {}

  open(record: Buffer): void {
    const input = this.#in
    if (record.length > this.limits.bytes) {
      throw new RefusedError(
        'limit',
        `a record of ${record.length} bytes is over the limit of ${this.limits.bytes}`,
      )
    }
    checkEnvelope(record)
    input.reset(record, ENVELOPE.length)
    this.#skipTarget()
    this.incarnation = input.long()
    this.sequence = input.long()
    this.superseded = input.long()
    this.collectedAt = input.long()
    this.intervalMs = input.long()
    this.collectSeconds = input.double()
    this.part = input.long()
    this.parts = input.long()
    this.end = input.boolean()
    this.#layoutIdAt = input.position
    input.skip(16)
    const layoutBytes = input.length(this.limits.bytes, 'the layout')
    this.#layoutStart = input.position
    input.skip(layoutBytes)
    this.#layoutEnd = input.position
    this.#valuesStart = input.position
    this.#checkNumbers()
  }

  /** The target as it stands in the record: equal bytes are an equal target. */
  get targetBytes(): Buffer {
    return this.#in.buffer.subarray(this.#targetStart, this.#targetEnd)
  }

  sameTarget(known: Uint8Array): boolean {
    const { buffer } = this.#in
    return (
      known.length === this.#targetEnd - this.#targetStart &&
      buffer.compare(known, 0, known.length, this.#targetStart, this.#targetEnd) === 0
    )
  }

  target(): Label[] {
    const input = this.#in
    input.position = this.#targetStart
    const labels: Label[] = []
    for (;;) {
      const count = input.count(this.limits.labels - labels.length, 2, 'target labels')
      if (count === 0) return labels
      for (let i = 0; i < count; i++) {
        const name = input.string(this.limits.nameBytes, "a target label's name")
        labels.push({ name, value: input.string(this.limits.valueBytes, "a target label's value") })
      }
    }
  }

  /** 16 latin1 characters. */
  layoutId(): string {
    return this.#in.buffer.toString('latin1', this.#layoutIdAt, this.#layoutIdAt + 16)
  }

  sameLayoutId(id: Uint8Array): boolean {
    return this.#in.buffer.compare(id, 0, 16, this.#layoutIdAt, this.#layoutIdAt + 16) === 0
  }

  /** The compressed layout: a slice of the record. */
  layout(): Buffer {
    return this.#in.buffer.subarray(this.#layoutStart, this.#layoutEnd)
  }

  header(): SnapshotHeader {
    const { incarnation, sequence, superseded, collectedAt, intervalMs, collectSeconds, part, parts, end } =
      this
    const layoutId = this.layoutId()
    const target = this.target()
    return {
      target,
      incarnation,
      sequence,
      superseded,
      collectedAt,
      intervalMs,
      collectSeconds,
      part,
      parts,
      end,
      layoutId,
    }
  }

  /** What follows the layout: a slice of the record, for `bodyOf` later. */
  bodyBytes(): Buffer {
    return this.#in.buffer.subarray(this.#valuesStart)
  }

  /**
   * @param expected how many series the layout has; any other count is refused
   * @param into reused for the values if it has that length
   */
  body(expected: number, into?: Float64Array): Body {
    return this.#body(this.#in.buffer, this.#valuesStart, expected, into)
  }

  /** As `body`, of bytes that `bodyBytes` gave. The record that is open is closed by it. */
  bodyOf(bytes: Buffer, expected: number, into?: Float64Array): Body {
    return this.#body(bytes, 0, expected, into)
  }

  #body(bytes: Buffer, start: number, expected: number, into?: Float64Array): Body {
    const input = this.#in
    input.reset(bytes, start)
    const values = readNumbers(input, expected, into)
    const timestamps = readOption(input, 'timestamps') ? readLongs(input, expected) : null
    const exemplars = readOption(input, 'exemplars') ? readExemplars(input, expected, this.limits) : null
    input.finish()
    return { values, timestamps, exemplars }
  }

  #skipTarget(): void {
    const input = this.#in
    this.#targetStart = input.position
    let seen = 0
    for (;;) {
      const count = input.count(this.limits.labels - seen, 2, 'target labels')
      if (count === 0) break
      seen += count
      for (let i = 0; i < count; i++) {
        input.skip(input.length(this.limits.nameBytes, "a target label's name"))
        input.skip(input.length(this.limits.valueBytes, "a target label's value"))
      }
    }
    this.#targetEnd = input.position
  }

  #checkNumbers(): void {
    const { incarnation, sequence, superseded, collectedAt, intervalMs, collectSeconds, part, parts } = this
    if (incarnation < 0 || sequence < 0 || superseded < 0 || collectedAt < 0) {
      throw new RefusedError('limit', 'incarnation, sequence, superseded and collectedAt may not be negative')
    }
    if (intervalMs < 1000 || intervalMs > 120_000) {
      throw new RefusedError('limit', `an interval of ${intervalMs} ms is not between 1,000 and 120,000`)
    }
    if (!(collectSeconds >= 0 && collectSeconds < 1e6)) {
      throw new RefusedError('limit', `collectSeconds of ${collectSeconds} is no duration`)
    }
    if (parts < 1 || parts > this.limits.parts || part < 0 || part >= parts) {
      throw new RefusedError('limit', `part ${part} of ${parts} is not one of at most ${this.limits.parts}`)
    }
  }
}

function checkEnvelope(record: Buffer): void {
  if (
    record.length >= ENVELOPE.length &&
    record.compare(ENVELOPE, 0, ENVELOPE.length, 0, ENVELOPE.length) === 0
  )
    return
  if (record.length < ENVELOPE.length || record[0] !== 0xc3 || record[1] !== 0x01) {
    throw new RefusedError(
      'schema',
      'the record does not begin with the marker C3 01 of an Avro single object',
    )
  }
  const fingerprint = record.readBigUInt64LE(2).toString(16).padStart(16, '0')
  throw new RefusedError(
    'schema',
    `schema fingerprint ${fingerprint} is not that of kafka_exposer.v1.Snapshot`,
  )
}

function readOption(input: BytesReader, what: string): boolean {
  const branch = input.long()
  if (branch !== 0 && branch !== 1)
    throw new RefusedError('truncated', `${what}: no such branch of the union`)
  return branch === 1
}

const wrongCount = (expected: number) =>
  new RefusedError('layout', `the record does not have one value for each of its layout's ${expected} series`)

/** Blocks of `long | double`. An item takes at least two bytes, so a count is checked against what is left. */
function readNumbers(input: BytesReader, expected: number, into?: Float64Array): Float64Array {
  if (expected * 2 > input.left) throw wrongCount(expected)
  const values = into?.length === expected ? into : new Float64Array(expected)
  let at = 0
  for (;;) {
    const count = input.count(Number.MAX_SAFE_INTEGER, 2, 'values')
    if (count === 0) break
    if (count > expected - at) throw wrongCount(expected)
    readBlock(input, values, at, count)
    at += count
  }
  if (at !== expected) throw wrongCount(expected)
  return values
}

const eight = new Float64Array(1)
const eightBytes = new Uint8Array(eight.buffer)

/**
 * The loop that every sample passes. Most are longs of up to four bytes: those are read here without a call.
 * A read beyond the end gives undefined, which falls through to `anyLong` or the check for doubles, and they refuse it.
 */
function readBlock(input: BytesReader, values: Float64Array, start: number, count: number): void {
  const { buffer } = input
  const size = buffer.length
  let position = input.position
  for (let i = start; i < start + count; i++) {
    // Room for a tag and four bytes, so that reads stay in bounds and typed.
    if (position + 9 <= size) {
      const tag = buffer[position]
      if (tag === 0) {
        const a = buffer[position + 1]
        if (a < 0x80) {
          values[i] = (a >>> 1) ^ -(a & 1)
          position += 2
          continue
        }
        const b = buffer[position + 2]
        let z = (a & 0x7f) | ((b & 0x7f) << 7)
        if (b < 0x80) {
          values[i] = (z >>> 1) ^ -(z & 1)
          position += 3
          continue
        }
        const c = buffer[position + 3]
        z |= (c & 0x7f) << 14
        if (c < 0x80) {
          values[i] = (z >>> 1) ^ -(z & 1)
          position += 4
          continue
        }
        const d = buffer[position + 4]
        z |= (d & 0x7f) << 21
        if (d < 0x80) {
          values[i] = (z >>> 1) ^ -(z & 1)
          position += 5
          continue
        }
      } else if (tag === 2) {
        eightBytes[0] = buffer[position + 1]
        eightBytes[1] = buffer[position + 2]
        eightBytes[2] = buffer[position + 3]
        eightBytes[3] = buffer[position + 4]
        eightBytes[4] = buffer[position + 5]
        eightBytes[5] = buffer[position + 6]
        eightBytes[6] = buffer[position + 7]
        eightBytes[7] = buffer[position + 8]
        values[i] = eight[0]
        position += 9
        continue
      }
    }
    input.position = position
    values[i] = readNumber(input)
    position = input.position
  }
  input.position = position
}

function readNumber(input: BytesReader): number {
  const branch = input.long()
  if (branch === 0) return input.anyLong()
  if (branch === 1) return input.double()
  throw new RefusedError('truncated', 'a value is neither long nor double')
}

function readLongs(input: BytesReader, expected: number): Float64Array {
  if (expected > input.left) throw wrongCount(expected)
  const longs = new Float64Array(expected)
  let at = 0
  for (;;) {
    const count = input.count(Number.MAX_SAFE_INTEGER, 1, 'timestamps')
    if (count === 0) break
    if (count > expected - at) throw wrongCount(expected)
    for (const end = at + count; at < end; at++) longs[at] = input.long()
  }
  if (at !== expected) throw wrongCount(expected)
  return longs
}

function readExemplars(input: BytesReader, series: number, limits: Limits): Exemplar[] {
  const exemplars: Exemplar[] = []
  for (;;) {
    const count = input.count(limits.samples - exemplars.length, 11, 'exemplars')
    if (count === 0) return exemplars
    for (let i = 0; i < count; i++) {
      const index = input.long()
      if (index < 0 || index >= series)
        throw new RefusedError('layout', `an exemplar names series ${index} of ${series}`)
      const labels = readMap(input, limits)
      const value = input.double()
      const timestamp = readOption(input, 'exemplar timestamp') ? input.long() : null
      exemplars.push({ series: index, labels, value, timestamp })
    }
  }
}

function readMap(input: BytesReader, limits: Limits): Label[] {
  const labels: Label[] = []
  for (;;) {
    const count = input.count(limits.labels - labels.length, 2, 'exemplar labels')
    if (count === 0) return labels
    for (let i = 0; i < count; i++) {
      const name = input.string(limits.nameBytes, "an exemplar label's name")
      labels.push({ name, value: input.string(limits.valueBytes, "an exemplar label's value") })
    }
  }
}
