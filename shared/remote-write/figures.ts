/**
 * Why samples were not stored for good. `repeated` ones the receiver had answered for before: it
 * refuses them because it has newer ones.
 */
export const FAILURES = [
  'refused',
  'repeated',
  'too_large',
  'isolated',
  'too_old',
  'retention',
  'limit',
] as const
export type FailureReason = (typeof FAILURES)[number]

/** Counts of one receiver since the start, for metrics and the page. */
export class WriteFigures {
  samples = 0
  histograms = 0
  exemplars = 0
  metadata = 0
  /** Compressed bytes of requests that were answered. */
  bytes = 0
  requests = 0
  /** Samples and histograms that are not stored, by reason. */
  readonly failed = new Map<FailureReason, number>(FAILURES.map(reason => [reason, 0]))
  /** Samples and histograms that `write_relabel_configs` drops; stale markers are not counted. */
  relabelledAway = 0
  /** Samples and histograms that were sent again. */
  retried = 0
  /** Requests that the receiver did not store, and that were sent again. */
  failedRequests = 0
  /** Samples and histograms that wait or are in flight. */
  pending = 0
  /** Targets whose samples are sent apart, because the receiver does not store them. */
  isolatedTargets = 0
  /** Samples and histograms of them that wait or are in flight, part of `pending`. */
  isolatedSamples = 0
  /** One of them with its error, in one line; empty without any. */
  isolatedError = ''
  shards = 0
  shardsDesired = 0
  /** Newest time of a stored sample, Unix ms; 0 before the first. */
  highestSent = 0
  /** Newest time of a queued sample, Unix ms. */
  highestQueued = 0
  /** Time from when the newest stored sample was due until it was stored, ms. */
  delayMs = 0
  /** Last error of the receiver, in one line; empty after a success. */
  lastError = ''
  /** Why the receiver refused samples last, in one line; empty if it never did. */
  lastRefusal = ''
  /** Unix ms of that; 0 if it never did. */
  lastRefusedAt = 0
  /** Unix ms of the last request that was stored; 0 before the first. */
  lastStoredAt = 0

  /** @param wall Unix ms */
  refuse(
    samples: number,
    reason: string,
    wall: number,
    as: 'refused' | 'too_large' = 'refused',
  ): void {
    this.fail(as, samples)
    this.lastRefusal = reason
    this.lastRefusedAt = wall
  }

  fail(reason: FailureReason, count: number): void {
    this.failed.set(reason, (this.failed.get(reason) ?? 0) + count)
  }
}
