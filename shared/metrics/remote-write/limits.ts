/**
 * Limits of one remote write request. A request that exceeds one is refused as a whole: they bound
 * the memory for a request. What a single series may have is judged by the caller.
 */
export interface WriteLimits {
  readonly series: number
  /** Samples and native histograms. */
  readonly samples: number
  readonly exemplars: number
  /** Strings of protocol 2.0, different strings of protocol 1.0. */
  readonly symbols: number
  /** Labels of one series or exemplar. */
  readonly labels: number
  /** Labels of all series, and labels of all exemplars. */
  readonly totalLabels: number
  /** Bytes of one string. A longer one makes the series invalid that have it, and no other. */
  readonly textBytes: number
  /** Bytes of one native histogram. */
  readonly histogramBytes: number
  /** Families with metadata of protocol 1.0. */
  readonly families: number
}

export const DEFAULT_WRITE_LIMITS: WriteLimits = {
  series: 200_000,
  samples: 1_000_000,
  exemplars: 100_000,
  symbols: 500_000,
  labels: 1024,
  totalLabels: 4_000_000,
  textBytes: 4096,
  histogramBytes: 512 * 1024,
  families: 20_000,
}
