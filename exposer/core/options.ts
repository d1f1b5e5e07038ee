import { DEFAULT_LIMITS, type Limits } from '../../shared/metrics/limits.js'
import type { RefusalReason } from '../../shared/snapshot/errors.js'
import type { PlayoutOptions } from './playout/playout.js'

export interface Refusal {
  readonly reason: RefusalReason
  readonly partition: number
  readonly offset: number
  readonly message: string
}

/** The ways of a snapshot: collected → appended, appended → applied, applied → first served. */
export type Stage = 'produce' | 'consume' | 'expose'

export interface ShardOptions {
  readonly limits: Limits
  /** D: a snapshot is played to virtual targets this long after its collection, ms; `auto` for each target as it needs. */
  readonly playoutDelayMs: number | 'auto'
  /** `auto` chooses no longer ones, ms. */
  readonly maxPlayoutDelayMs: number
  /** A target is stale when the log clock has passed its last snapshot by this many of its intervals. */
  readonly staleAfterIntervals: number
  /** A partition whose log clock is further behind fails its targets as `lagging`, ms. */
  readonly maxAgeMs: number
  /** A partition without a successful fetch for longer fails its targets as `blind`, ms. */
  readonly blindAfterMs: number
  /** A target not heard of for longer is forgotten, ms of log time. */
  readonly forgetMs: number
  /** How long a target that ended is answered with an empty 200, ms. */
  readonly tombstoneMs: number
  /** A collection time further than this from the append time is counted, and clamped to it, ms. */
  readonly maxSkewMs: number
  /** What the view `all` shows is no older, and a scraper of it that has not asked for so long is forgotten, ms. */
  readonly historyMaxAgeMs: number
  /** Bytes that values may take that wait for scrapers of the view `all`. */
  readonly historyBytes: number
  /** Scrapers of the view `all` at the same time. */
  readonly maxScrapers: number
  /** Bytes that all layouts may take together. */
  readonly layoutBytes: number
  /** Targets that a shard holds at most; a further one is refused (`limit`). */
  readonly maxTargets: number
  onRefused(refusal: Refusal): void
  onDelay(stage: Stage, seconds: number): void
  /** A virtual target is shown at this playout delay. */
  onPlayed(seconds: number): void
}

export const DEFAULT_OPTIONS: ShardOptions = {
  limits: DEFAULT_LIMITS,
  playoutDelayMs: 'auto',
  maxPlayoutDelayMs: 30_000,
  staleAfterIntervals: 2.5,
  maxAgeMs: 120_000,
  blindAfterMs: 15_000,
  forgetMs: 3_600_000,
  tombstoneMs: 300_000,
  maxSkewMs: 10_000,
  historyMaxAgeMs: 600_000,
  historyBytes: 128 * 1024 * 1024,
  maxScrapers: 16,
  layoutBytes: 256 * 1024 * 1024,
  maxTargets: 100_000,
  onRefused() {},
  onDelay() {},
  onPlayed() {},
}

export function playoutOptions({ playoutDelayMs, maxPlayoutDelayMs }: ShardOptions): PlayoutOptions {
  return { fixedMs: playoutDelayMs === 'auto' ? null : playoutDelayMs, mostMs: maxPlayoutDelayMs }
}
