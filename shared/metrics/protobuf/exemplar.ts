import { sortLabels } from '../labels.js'
import type { Limits } from '../limits.js'
import type { Exemplar, Label } from '../model.js'
import { readLabel } from './label.js'
import { FIXED64, keyOf, LENGTH, VARINT, type WireReader } from './wire.js'

export type ExemplarDraft = Omit<Exemplar, 'series'>

/**
 * Longer messages are skipped: OpenMetrics 1.0 limits names and values of the labels to 128
 * characters in total.
 */
const MAX_BYTES = 1024

const LABEL = keyOf(1, LENGTH)
const VALUE = keyOf(2, FIXED64)
const TIMESTAMP = keyOf(3, LENGTH)
const EXEMPLAR_FIELDS = 0b1110

/** Reads an Exemplar message with its length. @returns null if it is too long */
export function readExemplar(wire: WireReader, end: number, limits: Limits): ExemplarDraft | null {
  const to = wire.length(end)
  if (to - wire.at > MAX_BYTES) {
    wire.at = to
    return null
  }
  const labels: Label[] = []
  let value = 0
  let timestamp: number | null = null
  for (let key = wire.key(to); key !== 0; key = wire.key(to)) {
    if (key === LABEL) {
      const from = wire.at
      const last = wire.length(to)
      const label = readLabel(wire, last, limits)
      if (labels.some(({ name }) => name === label.name))
        wire.refuse('duplicate', `an exemplar has label ${JSON.stringify(label.name)} twice`, from)
      labels.push(label)
    } else if (key === VALUE) value = wire.double(to)
    else if (key === TIMESTAMP) timestamp = readTimestamp(wire, to)
    else wire.skip(key, to, EXEMPLAR_FIELDS)
  }
  return { labels: labels.length > 1 ? sortLabels(labels) : labels, value, timestamp }
}

const SECONDS = keyOf(1, VARINT)
const NANOS = keyOf(2, VARINT)
const TIMESTAMP_FIELDS = 0b110

/**
 * Reads a google.protobuf.Timestamp with its length.
 *
 * @returns Unix milliseconds, or null beyond 2^53
 */
function readTimestamp(wire: WireReader, end: number): number | null {
  const to = wire.length(end)
  let seconds = 0
  let nanos = 0
  for (let key = wire.key(to); key !== 0; key = wire.key(to)) {
    if (key === SECONDS) seconds = wire.int64(to)
    else if (key === NANOS) nanos = wire.int64(to)
    else wire.skip(key, to, TIMESTAMP_FIELDS)
  }
  const milliseconds = seconds * 1000 + Math.trunc(nanos / 1e6)
  return Number.isSafeInteger(milliseconds) ? milliseconds : null
}
