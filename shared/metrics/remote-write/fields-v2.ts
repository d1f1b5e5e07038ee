import { FIXED64, keyOf, LENGTH, VARINT } from '../protobuf/wire.js'

/**
 * Keys of the fields of `io.prometheus.write.v2.Request` and its messages.
 *
 * @see https://github.com/prometheus/prometheus/blob/main/prompb/io/prometheus/write/v2/types.proto
 */
export const SYMBOLS = keyOf(4, LENGTH)
export const TIMESERIES = keyOf(5, LENGTH)

export const LABELS_REFS = keyOf(1, LENGTH)
export const LABELS_REF = keyOf(1, VARINT)
export const SAMPLES = keyOf(2, LENGTH)
export const HISTOGRAMS = keyOf(3, LENGTH)
export const EXEMPLARS = keyOf(4, LENGTH)
export const METADATA = keyOf(5, LENGTH)
/** Before the fourth release candidate of the specification. */
export const CREATED_TIMESTAMP = keyOf(6, VARINT)

export const EXEMPLAR_VALUE = keyOf(2, FIXED64)
export const EXEMPLAR_TIMESTAMP = keyOf(3, VARINT)

export const TYPE = keyOf(1, VARINT)
export const HELP_REF = keyOf(3, VARINT)
export const UNIT_REF = keyOf(4, VARINT)
