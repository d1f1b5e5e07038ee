import { FIXED64, keyOf, LENGTH, VARINT, type WireReader } from '../protobuf/wire.js'
import { isStaleMarkerAt } from './request.js'

const SUM = keyOf(3, FIXED64)
const TIMESTAMP = keyOf(15, VARINT)

/** Types of the fields of a histogram, by number. */
const SPANS = 'spans'
const INTS = 'integers'
const DOUBLES = 'doubles'
const FIELDS: readonly (number | string)[] = [
  -1,
  VARINT, // count_int
  FIXED64, // count_float
  FIXED64, // sum
  VARINT, // schema
  FIXED64, // zero_threshold
  VARINT, // zero_count_int
  FIXED64, // zero_count_float
  SPANS, // negative_spans
  INTS, // negative_deltas
  DOUBLES, // negative_counts
  SPANS, // positive_spans
  INTS, // positive_deltas
  DOUBLES, // positive_counts
  VARINT, // reset_hint
  VARINT, // timestamp
  DOUBLES, // custom_values
  VARINT, // start_timestamp
]

/** Of a span: its offset and length. */
const SPAN_FIELDS = 0b110

/** What a receiver has to know of a histogram. */
export interface HistogramHead {
  /** Unix ms. */
  time: number
  isStale: boolean
}

/**
 * Reads the time of a native histogram, and checks that the rest can be decoded: the message is
 * passed on as it is, and one that cannot be decoded would make a whole request invalid.
 */
export function readHistogramHead(wire: WireReader, end: number, head: HistogramHead): void {
  let sumAt = -1
  head.time = 0
  for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
    if (key === TIMESTAMP) head.time = wire.int64(end)
    else if (key === SUM) {
      sumAt = wire.at
      wire.double(end)
    } else checkField(wire, key, end)
  }
  head.isStale = isStaleMarkerAt(wire.bytes, sumAt)
}

function checkField(wire: WireReader, key: number, end: number): void {
  const type = FIELDS[key >>> 3]
  const wireType = key & 7
  if (type === SPANS && wireType === LENGTH) {
    const spanEnd = wire.length(end)
    for (let field = wire.key(spanEnd); field !== 0; field = wire.key(spanEnd)) {
      if (field === keyOf(1, VARINT) || field === keyOf(2, VARINT)) wire.uint64(spanEnd)
      else wire.skip(field, spanEnd, SPAN_FIELDS)
    }
  } else if (type === INTS && wireType === LENGTH) {
    const listEnd = wire.length(end)
    while (wire.at < listEnd) wire.uint64(listEnd)
  } else if (type === DOUBLES && wireType === LENGTH) {
    const start = wire.at
    const listEnd = wire.length(end)
    if ((listEnd - wire.at) % 8 !== 0)
      wire.refuse('syntax', 'a list of doubles ends within one of them', start)
    wire.at = listEnd
  } else if (
    type === undefined ||
    type === wireType ||
    (type === INTS && wireType === VARINT) ||
    (type === DOUBLES && wireType === FIXED64)
  )
    wire.skip(key, end, 0)
  else
    wire.refuse(
      'syntax',
      `field ${key >>> 3} of a histogram has wire type ${wireType}, which is not that of its type`,
    )
}
