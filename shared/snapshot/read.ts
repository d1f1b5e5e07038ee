import { runNow, type Steps } from '../base/steps.js'
import { DEFAULT_LIMITS, type Limits } from '../metrics/limits.js'
import type { Exemplar, Label } from '../metrics/model.js'
import { BytesReader } from './bytes-reader.js'
import { ENVELOPE_BYTES, FAILURE_ENVELOPE, SNAPSHOT_ENVELOPE } from './envelope.js'
import { RefusedError } from './errors.js'
import { readFailure } from './failure.js'
import {
  type ExemplarsSize,
  measureExemplars,
  measureExemplarsSteps,
  readExemplars,
  readExemplarsSteps,
} from './read-exemplars.js'
import { readLongs, readNumbers } from './read-values.js'
import { isRelayed } from './relayed.js'
import type { SnapshotHeader } from './types.js'

export interface SnapshotBody {
  readonly values: Float64Array
  /** Unix ms, one per value, or null. */
  readonly timestamps: Float64Array | null
  readonly exemplars: readonly Exemplar[] | null
}

/** Called before exemplars are decoded. Throws when there is no memory for them. */
export type AdmitExemplars = (size: ExemplarsSize) => void

/** Exemplars that are not read in one step, bytes: a few dozen with as many labels as allowed. */
const LONG_EXEMPLARS = 8 * 1024

/**
 * Reads records without allocating for known content: labels of the target and the layout are
 * compared as bytes and decoded only if they are new, and values are read into a Float64Array.
 *
 * `open` reads all fields except labels, layout and values. The other methods work on the record
 * opened last. All methods throw RefusedError for any malformed input and allocate at most a small
 * multiple of the size of the record.
 *
 * A record is a Snapshot or a Failure. For a Failure, `failure` is its reason, `part` is 0 of 1 and
 * `end` is false. It has neither layout nor values: read those only if `failure` is null.
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
  /** Why the collection failed, in one line; null for a Snapshot. */
  failure: string | null = null

  constructor(private readonly limits: Limits = DEFAULT_LIMITS) {}

  open(record: Buffer): void {
    const input = this.#in
    if (record.length > this.limits.bytes) {
      throw new RefusedError(
        'limit',
        `a record of ${record.length} bytes is over the limit of ${this.limits.bytes}; split the snapshot into parts`,
      )
    }
    const isFailure = startsWith(record, FAILURE_ENVELOPE)
    if (!isFailure && !startsWith(record, SNAPSHOT_ENVELOPE)) throw wrongEnvelope(record)
    input.reset(record, ENVELOPE_BYTES)
    this.#skipTarget()
    this.incarnation = input.long()
    this.sequence = input.long()
    this.superseded = input.long()
    this.collectedAt = input.long()
    this.intervalMs = input.long()
    this.collectSeconds = input.double()
    if (isFailure) this.#openFailure()
    else this.#openSnapshot()
    this.#checkNumbers()
  }

  #openSnapshot(): void {
    const input = this.#in
    this.failure = null
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
  }

  #openFailure(): void {
    const input = this.#in
    this.part = 0
    this.parts = 1
    this.end = false
    this.failure = readFailure(input)
    input.expectEnd()
    // Empty layout id, layout and values.
    this.#layoutIdAt = this.#layoutStart = this.#layoutEnd = this.#valuesStart = input.position
  }

  /** The encoded target: equal bytes mean an equal target. */
  get targetBytes(): Buffer {
    return this.#in.buffer.subarray(this.#targetStart, this.#targetEnd)
  }

  /**
   * Whether the record has this target.
   *
   * @param known the `targetBytes` of an earlier record
   */
  hasTarget(known: Buffer): boolean {
    const { buffer } = this.#in
    const start = this.#targetStart
    if (known.length !== this.#targetEnd - start) return this.#sameLabels(known)
    // For so few bytes a loop is faster than a native call.
    for (let i = 0; i < known.length; i++)
      if (known[i] !== buffer[start + i]) return this.#sameLabels(known)
    return true
  }

  target(): Label[] {
    return this.#targetFrom(this.#in.buffer, this.#targetStart)
  }

  /** 16 latin1 characters; empty for a Failure. */
  layoutId(): string {
    return this.#in.buffer.toString('latin1', this.#layoutIdAt, this.#layoutIdAt + 16)
  }

  hasLayoutId(id: Uint8Array): boolean {
    if (this.failure !== null) return false
    const { buffer } = this.#in
    const start = this.#layoutIdAt
    // For so few bytes a loop is faster than a call out of JavaScript.
    for (let i = 0; i < 16; i++) if (id[i] !== buffer[start + i]) return false
    return true
  }

  /** The compressed layout: a slice of the record. */
  layout(): Buffer {
    return this.#in.buffer.subarray(this.#layoutStart, this.#layoutEnd)
  }

  header(): SnapshotHeader {
    const {
      incarnation,
      sequence,
      superseded,
      collectedAt,
      intervalMs,
      collectSeconds,
      part,
      parts,
      end,
    } = this
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

  /** The fields after the layout: a slice of the record, for `bodyOf`. */
  bodyBytes(): Buffer {
    return this.#in.buffer.subarray(this.#valuesStart)
  }

  /**
   * @param expected number of series of the layout; another number of values is refused
   * @param into array for the values, used if it has that length
   */
  body(expected: number, into?: Float64Array): SnapshotBody {
    return this.shortBody(expected, into) ?? runNow(this.bodySteps(this.bodyBytes(), expected))
  }

  /** As `body`, but null if the exemplars are long: then use `bodySteps` of another reader. */
  shortBody(expected: number, into?: Float64Array, admit?: AdmitExemplars): SnapshotBody | null {
    const input = this.#in
    input.position = this.#valuesStart
    const { values, timestamps } = this.#numbers(expected, into)
    const hasExemplars = input.option('exemplars')
    if (hasExemplars && input.remaining > LONG_EXEMPLARS) return null
    if (hasExemplars) admit?.(measureExemplars(input, this.limits))
    const exemplars = hasExemplars ? readExemplars(input, expected, this.limits) : null
    input.expectEnd()
    return { values, timestamps, exemplars }
  }

  /**
   * Reads a body in steps, which closes the open record. No other method may be used in between.
   *
   * @param bytes from `bodyBytes`
   */
  *bodySteps(bytes: Buffer, expected: number, admit?: AdmitExemplars): Steps<SnapshotBody> {
    const input = this.#in
    input.reset(bytes)
    const { values, timestamps } = this.#numbers(expected)
    const hasExemplars = input.option('exemplars')
    if (hasExemplars) admit?.(yield* measureExemplarsSteps(input, this.limits))
    const exemplars = hasExemplars ? yield* readExemplarsSteps(input, expected, this.limits) : null
    input.expectEnd()
    return { values, timestamps, exemplars }
  }

  #numbers(expected: number, into?: Float64Array): Omit<SnapshotBody, 'exemplars'> {
    const values = readNumbers(this.#in, expected, into)
    const timestamps = this.#in.option('timestamps') ? readLongs(this.#in, expected) : null
    return { values, timestamps }
  }

  /** Avro has several encodings of a list, and another client library may use another one. */
  #sameLabels(known: Buffer): boolean {
    const ours = this.target()
    const { buffer } = this.#in
    const theirs = this.#targetFrom(known, 0)
    this.#in.reset(buffer)
    return (
      ours.length === theirs.length &&
      ours.every(({ name, value }, i) => name === theirs[i].name && value === theirs[i].value)
    )
  }

  #targetFrom(bytes: Buffer, start: number): Label[] {
    const input = this.#in
    input.reset(bytes, start)
    const labels: Label[] = []
    for (;;) {
      const count = input.count(this.limits.labels, labels.length, 2, 'target labels')
      if (count === 0) return labels
      for (let i = 0; i < count; i++) {
        const name = input.string(this.limits.nameBytes, "a target label's name")
        labels.push({ name, value: input.string(this.limits.valueBytes, "a target label's value") })
      }
    }
  }

  #skipTarget(): void {
    const input = this.#in
    this.#targetStart = input.position
    let seen = 0
    for (;;) {
      const count = input.count(this.limits.labels, seen, 2, 'target labels')
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
    const {
      incarnation,
      sequence,
      superseded,
      collectedAt,
      intervalMs,
      collectSeconds,
      part,
      parts,
    } = this
    if (incarnation < 0 || sequence < 0 || superseded < 0 || collectedAt < 0) {
      throw new RefusedError(
        'limit',
        'incarnation, sequence, superseded or collectedAt is negative; write 0 or more',
      )
    }
    const maxIntervalMs = isRelayed(incarnation) ? 600_000 : 120_000
    if (intervalMs < 1000 || intervalMs > maxIntervalMs) {
      throw new RefusedError(
        'limit',
        `intervalMs is ${intervalMs}; use an interval of 1000 to ${maxIntervalMs}`,
      )
    }
    if (isRelayed(incarnation) && sequence !== collectedAt) {
      throw new RefusedError(
        'order',
        `incarnation ${incarnation} is that of a relayed run, whose sequence is collectedAt; an application writes the time of its start, Unix ms, as incarnation`,
      )
    }
    if (!(collectSeconds >= 0 && collectSeconds < 1e6)) {
      throw new RefusedError(
        'limit',
        `collectSeconds is ${collectSeconds}; write a duration in seconds`,
      )
    }
    if (parts < 1 || parts > this.limits.parts || part < 0 || part >= parts) {
      throw new RefusedError(
        'limit',
        `part ${part} of ${parts} does not exist; count parts from 0, and write at most ${this.limits.parts}`,
      )
    }
  }
}

function startsWith(record: Buffer, envelope: Buffer): boolean {
  for (let i = 0; i < ENVELOPE_BYTES; i++) if (record[i] !== envelope[i]) return false
  return true
}

function wrongEnvelope(record: Buffer): RefusedError {
  if (record.length < ENVELOPE_BYTES || record[0] !== 0xc3 || record[1] !== 0x01) {
    return new RefusedError(
      'schema',
      'the record does not begin with C3 01, the marker of an Avro single object; write it before the fingerprint',
    )
  }
  const hex = (bytes: Buffer) => bytes.toString('hex', 2, ENVELOPE_BYTES)
  return new RefusedError(
    'schema',
    `the schema fingerprint ${hex(record)} is unknown; use ${hex(SNAPSHOT_ENVELOPE)} (kafka_exposer.v1.Snapshot) or ${hex(FAILURE_ENVELOPE)} (kafka_exposer.v1.Failure)`,
  )
}
