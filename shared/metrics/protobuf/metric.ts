import type { Limits } from '../limits.js'
import { COUNTER, GAUGE, HISTOGRAM, type MetricDraft, SUMMARY, UNTYPED } from './draft.js'
import { readExemplar } from './exemplar.js'
import { readHistogram } from './histogram.js'
import { readSummary } from './summary.js'
import { FIXED64, keyOf, LENGTH, VARINT, type WireReader } from './wire.js'

/**
 * Maximum size of a Metric message. It is read in one step, so that its size bounds how long the
 * event loop is blocked. A histogram with 10,000 buckets has 300 KB.
 */
const MAX_BYTES = 1024 * 1024

const LABEL_KEY = keyOf(1, LENGTH)
const GAUGE_KEY = keyOf(GAUGE, LENGTH)
const COUNTER_KEY = keyOf(COUNTER, LENGTH)
const SUMMARY_KEY = keyOf(SUMMARY, LENGTH)
const UNTYPED_KEY = keyOf(UNTYPED, LENGTH)
const TIMESTAMP_KEY = keyOf(6, VARINT)
const HISTOGRAM_KEY = keyOf(HISTOGRAM, LENGTH)
const METRIC_FIELDS = 0b11111110

/**
 * Reads the Metric message between two offsets. If a field occurs twice, the last value counts.
 * Repeated fields are appended.
 */
export function readMetric(
  wire: WireReader,
  from: number,
  to: number,
  draft: MetricDraft,
  limits: Limits,
): void {
  if (to - from > MAX_BYTES)
    wire.refuse(
      'limit',
      `a metric has ${to - from} bytes, over the limit of ${MAX_BYTES}; use fewer buckets`,
      from,
    )
  draft.reset()
  wire.at = from
  for (let key = wire.key(to); key !== 0; key = wire.key(to)) {
    switch (key) {
      case LABEL_KEY: {
        const end = wire.length(to)
        if (draft.labels.push(wire.at, end) > limits.labels * 2)
          wire.refuse('limit', `a metric has more than ${limits.labels} labels; use fewer`)
        wire.at = end
        break
      }
      case GAUGE_KEY:
      case UNTYPED_KEY:
        readNumber(wire, wire.length(to), key >>> 3, draft)
        break
      case COUNTER_KEY:
        readCounter(wire, wire.length(to), draft, limits)
        break
      case SUMMARY_KEY:
        readSummary(wire, wire.length(to), draft)
        break
      case HISTOGRAM_KEY:
        readHistogram(wire, wire.length(to), draft, limits)
        break
      case TIMESTAMP_KEY:
        draft.timestamp = wire.int64(to)
        break
      default:
        wire.skip(key, to, METRIC_FIELDS)
    }
  }
}

const VALUE = keyOf(1, FIXED64)
const NUMBER_FIELDS = 0b10

/** Reads a Gauge or Untyped message. */
function readNumber(wire: WireReader, end: number, kind: number, draft: MetricDraft): void {
  draft.kinds |= 1 << kind
  for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
    if (key === VALUE) draft.value = wire.double(end)
    else wire.skip(key, end, NUMBER_FIELDS)
  }
}

const EXEMPLAR = keyOf(2, LENGTH)
const COUNTER_FIELDS = 0b110

function readCounter(wire: WireReader, end: number, draft: MetricDraft, limits: Limits): void {
  draft.kinds |= 1 << COUNTER
  for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
    if (key === VALUE) draft.value = wire.double(end)
    else if (key === EXEMPLAR) {
      draft.exemplar = readExemplar(wire, end, limits)
      if (!draft.exemplar) draft.longExemplars++
    } else wire.skip(key, end, COUNTER_FIELDS)
  }
}
