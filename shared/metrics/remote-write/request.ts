/** Protocols of remote write. */
export type WriteProtocol = '1.0' | '2.0'

/**
 * A remote write request as it was read. The data is in flat arrays, in the order of the message:
 * item `i` of a list that belongs to series `s` has `xFrom[s] <= i < xFrom[s + 1]`.
 *
 * Values are offsets into `bytes`, because JavaScript does not keep the bits of a NaN: a stale
 * marker is told from others by `isStaleMarkerAt`.
 *
 * The arrays may be longer than what they hold. Everything is valid until the next read by the same
 * reader.
 *
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
 */
export interface WriteRequest {
  readonly protocol: WriteProtocol
  /** The decompressed message. */
  readonly bytes: Buffer
  /**
   * 2.0: as sent; the first one is empty. 1.0: in order of their first occurrence, likewise. A text
   * that cannot be used (`symbolStates`) is empty.
   */
  readonly symbols: readonly string[]
  /** Offsets of the bytes of each symbol: begin, end, begin, end, … */
  readonly symbolRanges: Uint32Array
  /** Whether each symbol can be used: `SYMBOL_OK`, `SYMBOL_NOT_UTF8` or `SYMBOL_TOO_LONG`. */
  readonly symbolStates: Uint8Array
  /** Number of series. */
  readonly series: number
  /** Indices into `symbols`: name, value, name, value, … in the order sent. */
  readonly labelRefs: Uint32Array
  readonly labelsFrom: Uint32Array

  readonly samplesFrom: Uint32Array
  /** Offset of the eight bytes of each value, little endian; −1 if it is left out, which means 0. */
  readonly valueAt: Int32Array
  /** Unix ms of each sample. */
  readonly timestamps: Float64Array
  /**
   * Offsets of each sample message without its key and length: begin, end, begin, end, … The
   * messages of both protocols are the same. 2.0 may have a start timestamp.
   */
  readonly sampleRanges: Uint32Array

  readonly histogramsFrom: Uint32Array
  /**
   * Offsets of each histogram message without its key and length: begin, end, begin, end, … The
   * messages of both protocols are the same.
   */
  readonly histogramRanges: Uint32Array
  /** Unix ms of each histogram. */
  readonly histogramTimes: Float64Array
  /** Whether the sum of each histogram is a stale marker; 0 or 1. */
  readonly histogramStale: Uint8Array

  readonly exemplarsFrom: Uint32Array
  /** Indices into `symbols` of the labels of each exemplar: name, value, … */
  readonly exemplarRefs: Uint32Array
  readonly exemplarRefsFrom: Uint32Array
  readonly exemplarValueAt: Int32Array
  readonly exemplarTimes: Float64Array

  /**
   * Metadata of each series: an index into `WRITE_TYPES`, and indices into `symbols`. 1.0: that of
   * the family in the same request whose name the series has, with or without a suffix.
   */
  readonly types: Uint8Array
  readonly helpRefs: Uint32Array
  readonly unitRefs: Uint32Array
  /**
   * 2.0 before its fourth release candidate: Unix ms at which each series was created; 0 if that is
   * unknown. Since then samples and histograms have a start timestamp, which is in their messages.
   */
  readonly createdAt: Float64Array
  /** Unix ms of the newest sample, histogram or exemplar; −Infinity without one. */
  readonly newestTime: number

  /** 1.0: metadata of families. Most requests with metadata have no series. */
  readonly families: readonly WrittenFamily[]
}

/** States of a symbol. A series or exemplar with a label that cannot be used is invalid. */
export const SYMBOL_OK = 0
export const SYMBOL_NOT_UTF8 = 1
export const SYMBOL_TOO_LONG = 2

/** Types of both protocols, by their number. */
export const WRITE_TYPES = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
] as const
export type WriteType = (typeof WRITE_TYPES)[number]

/** Metadata of a family in protocol 1.0. */
export interface WrittenFamily {
  readonly name: string
  readonly type: WriteType
  readonly help: string
  readonly unit: string
  /** Indices into `symbols`. */
  readonly nameRef: number
  readonly helpRef: number
  readonly unitRef: number
  /** Whether it is the metadata of a series of this request as well. */
  isAttached: boolean
}

/**
 * Bits of a stale marker, a NaN. The bytes are the same in a Buffer; a JavaScript number would be
 * any NaN.
 *
 * @see https://github.com/prometheus/prometheus/blob/main/model/value/value.go
 */
export const STALE_MARKER = { high: 0x7ff00000, low: 0x00000002 } as const

/** @param at offset of a value in `bytes`; negative for a value that is left out */
export const isStaleMarkerAt = (bytes: Buffer, at: number): boolean =>
  at >= 0 &&
  bytes.readUInt32LE(at) === STALE_MARKER.low &&
  bytes.readUInt32LE(at + 4) === STALE_MARKER.high
