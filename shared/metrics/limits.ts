/**
 * Limits of one target. A snapshot that exceeds one is refused as a whole, as with `sample_limit`
 * of Prometheus.
 */
export interface Limits {
  /** Series of one snapshot. */
  readonly samples: number
  /** Labels of one series, and of a target. */
  readonly labels: number
  /** Bytes of a metric's or label's name. */
  readonly nameBytes: number
  /** Bytes of a label's value or a help text. */
  readonly valueBytes: number
  /** Bytes of one record, and of one uncompressed layout. */
  readonly bytes: number
  /** Records that one snapshot may be split into. */
  readonly parts: number
}

export const DEFAULT_LIMITS: Limits = {
  samples: 50_000,
  labels: 64,
  nameBytes: 1024,
  valueBytes: 4096,
  bytes: 8 * 1024 * 1024,
  parts: 256,
}
