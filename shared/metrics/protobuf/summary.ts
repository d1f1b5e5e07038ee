import { type MetricDraft, SUMMARY } from './draft.js'
import { FIXED64, keyOf, LENGTH, VARINT, type WireReader } from './wire.js'

const SAMPLE_COUNT = keyOf(1, VARINT)
const SAMPLE_SUM = keyOf(2, FIXED64)
const QUANTILES = keyOf(3, LENGTH)
const SUMMARY_FIELDS = 0b1110

export function readSummary(wire: WireReader, end: number, draft: MetricDraft): void {
  draft.kinds |= 1 << SUMMARY
  for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
    if (key === SAMPLE_COUNT) draft.count = wire.uint64(end)
    else if (key === SAMPLE_SUM) draft.sum = wire.double(end)
    else if (key === QUANTILES) readQuantile(wire, wire.length(end), draft)
    else wire.skip(key, end, SUMMARY_FIELDS)
  }
}

const QUANTILE = keyOf(1, FIXED64)
const VALUE = keyOf(2, FIXED64)
const QUANTILE_FIELDS = 0b110

function readQuantile(wire: WireReader, end: number, draft: MetricDraft): void {
  let quantile = 0
  let value = 0
  for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
    if (key === QUANTILE) quantile = wire.double(end)
    else if (key === VALUE) value = wire.double(end)
    else wire.skip(key, end, QUANTILE_FIELDS)
  }
  draft.addBound(quantile, value)
}
