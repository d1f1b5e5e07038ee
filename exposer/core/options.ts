import { DEFAULT_LIMITS, type Limits } from '../../shared/metrics/limits.js'
import type { RefusalReason } from '../../shared/snapshot/errors.js'
import type { LayoutAllowance } from './layout-budget.js'
import type { PlayoutOptions } from './playout/playout.js'
import type { MemoryLimits } from './store/memory.js'

export interface Refusal {
  readonly reason: RefusalReason
  readonly partition: number
  readonly offset: number
  readonly message: string
}

/**
 * Stages of the snapshot delay: collection to append, append to apply, apply to first exposition.
 */
export type Stage = 'produce' | 'consume' | 'expose'

export interface ShardOptions {
  readonly limits: Limits
  /**
   * Playout delay D of virtual targets, ms; `auto` derives it from the propagation delay of each
   * target.
   */
  readonly playoutDelayMs: number | 'auto'
  /** Maximum of D with `auto`, ms. */
  readonly maxPlayoutDelayMs: number
  /**
   * A target is stale when the log clock has passed its last snapshot by this many of its
   * intervals.
   */
  readonly staleAfterIntervals: number
  /** Lag of a partition above which its targets are `lagging`, ms. */
  readonly maxAgeMs: number
  /** Time of failing fetches after which the targets of a partition are `blind`, ms. */
  readonly blindAfterMs: number
  /** Time without a record after which a target is removed, ms of log time. */
  readonly forgetMs: number
  /** How long an ended target is exposed without series, ms. */
  readonly tombstoneMs: number
  /** Collection times are clamped to this distance from the append time, and counted, ms. */
  readonly maxSkewMs: number
  /**
   * Maximum age of samples in the view `all`, and the time without a scrape until a scraper is
   * removed, ms.
   */
  readonly historyMaxAgeMs: number
  /** Maximum bytes of the samples held for scrapers of the view `all`. */
  readonly historyBytes: number
  /** Maximum number of scrapers of the view `all`. */
  readonly maxScrapers: number
  /** Whether scrapers of the view `all` are expected before the first one has come. */
  readonly expectsScrapers: boolean
  /** Memory of targets, and of what is held for them. */
  readonly memory: MemoryLimits
  /** Maximum bytes of all layouts together, as a part of the memory. */
  readonly layoutBytes: number
  /** Work on new layouts of one target. */
  readonly targetLayouts: LayoutAllowance
  /** Work on refused layouts of the unknown targets of one partition together. */
  readonly strangerLayouts: LayoutAllowance
  /** Maximum number of targets; further ones are refused (`limit`). */
  readonly maxTargets: number
  /** Whether snapshots of that incarnation are of no interest: they take no memory. */
  ignores(incarnation: number): boolean
  onRefused(refusal: Refusal): void
  onDelay(stage: Stage, seconds: number): void
  /** A virtual target was exposed with this playout delay. */
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
  expectsScrapers: false,
  memory: { heap: 2 ** 31, total: 2 ** 32 },
  layoutBytes: Number.POSITIVE_INFINITY,
  targetLayouts: { perSecond: 200, burst: 4_000 },
  strangerLayouts: { perSecond: 400, burst: 8_000 },
  maxTargets: 100_000,
  ignores: () => false,
  onRefused() {},
  onDelay() {},
  onPlayed() {},
}

export function playoutOptions({
  playoutDelayMs,
  maxPlayoutDelayMs,
}: ShardOptions): PlayoutOptions {
  return { fixedMs: playoutDelayMs === 'auto' ? null : playoutDelayMs, maxMs: maxPlayoutDelayMs }
}
