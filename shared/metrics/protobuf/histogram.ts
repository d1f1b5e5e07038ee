import type { Limits } from '../limits.js'
import { HISTOGRAM, type MetricDraft } from './draft.js'
import { readExemplar } from './exemplar.js'
import { FIXED64, keyOf, LENGTH, VARINT, type WireReader } from './wire.js'

const SAMPLE_COUNT = keyOf(1, VARINT)
const SAMPLE_SUM = keyOf(2, FIXED64)
const BUCKETS = keyOf(3, LENGTH)
const SAMPLE_COUNT_FLOAT = keyOf(4, FIXED64)
const ZERO_THRESHOLD = keyOf(6, FIXED64)
const ZERO_COUNT = keyOf(7, VARINT)
const NEGATIVE_SPANS = keyOf(9, LENGTH)
const POSITIVE_SPANS = keyOf(12, LENGTH)
/**
 * The fields above. Repeated fields, which may be packed or not, are skipped with any wire type.
 */
const HISTOGRAM_FIELDS = 0b1_0010_1101_1110

/**
 * Reads the classic buckets of a histogram, and whether it is a native one: it then has a span, a
 * zero threshold, or observations in the zero bucket, as in Prometheus 3. A float count overrides
 * the integer count.
 */
export function readHistogram(
  wire: WireReader,
  end: number,
  draft: MetricDraft,
  limits: Limits,
): void {
  draft.kinds |= 1 << HISTOGRAM
  let float = 0
  for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
    switch (key) {
      case SAMPLE_COUNT:
        draft.count = wire.uint64(end)
        break
      case SAMPLE_SUM:
        draft.sum = wire.double(end)
        break
      case BUCKETS:
        readBucket(wire, wire.length(end), draft, limits)
        break
      case SAMPLE_COUNT_FLOAT:
        float = wire.double(end)
        break
      case ZERO_THRESHOLD:
        if (wire.double(end) > 0) draft.native = true
        break
      case ZERO_COUNT:
        if (wire.uint64(end) > 0) draft.native = true
        break
      case NEGATIVE_SPANS:
      case POSITIVE_SPANS:
        draft.native = true
        wire.at = wire.length(end)
        break
      default:
        wire.skip(key, end, HISTOGRAM_FIELDS)
    }
  }
  if (float !== 0) draft.count = float
}

const CUMULATIVE_COUNT = keyOf(1, VARINT)
const UPPER_BOUND = keyOf(2, FIXED64)
const EXEMPLAR = keyOf(3, LENGTH)
const CUMULATIVE_COUNT_FLOAT = keyOf(4, FIXED64)
const BUCKET_FIELDS = 0b11110

function readBucket(wire: WireReader, end: number, draft: MetricDraft, limits: Limits): void {
  let bound = 0
  let count = 0
  let float = 0
  let exemplar = null
  for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
    if (key === CUMULATIVE_COUNT) count = wire.uint64(end)
    else if (key === UPPER_BOUND) bound = wire.double(end)
    else if (key === EXEMPLAR) {
      exemplar = readExemplar(wire, end, limits)
      if (!exemplar) draft.longExemplars++
    } else if (key === CUMULATIVE_COUNT_FLOAT) float = wire.double(end)
    else wire.skip(key, end, BUCKET_FIELDS)
  }
  draft.addBound(bound, float !== 0 ? float : count)
  draft.exemplars.push(exemplar)
}
