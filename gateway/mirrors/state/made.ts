import type { MirrorLayout } from './mirror-layout.js'

/**
 * Why a snapshot was made: all samples of the scrape have come (`count`), or all that came of the
 * scrape before (`settled`), or it waited long enough (`timeout`); or the interval of a target
 * without `up` has passed (`interval`).
 */
export const ASSEMBLIES = ['count', 'settled', 'timeout', 'interval'] as const
export type Assembly = (typeof ASSEMBLIES)[number]

interface MadeHeader {
  /** Unix ms; also its number. */
  readonly collectedAt: number
  readonly intervalMs: number
  readonly collectSeconds: number
  /**
   * Where in the log it began: the record with its `up`, or the next one when its interval was
   * over. Whoever reads from there, and the lookback before it, makes it again.
   */
  readonly origin: Origin
}

export interface Origin {
  readonly offset: number
  /** Log time at that offset, Unix ms. */
  readonly time: number
}

export interface MadeSnapshot extends MadeHeader {
  readonly kind: 'snapshot'
  readonly assembly: Assembly
  /** The same object while the series and their metadata are the same. */
  readonly layout: MirrorLayout
  /** In the order of `layout.texts`. */
  readonly values: Float64Array
  /** Unix ms; null if all samples have the time of the snapshot. */
  readonly timestamps: Float64Array | null
}

export interface MadeFailure extends MadeHeader {
  readonly kind: 'failure'
  readonly reason: string
}

export interface MadeEnd extends MadeHeader {
  readonly kind: 'end'
}

/** What a mirror publishes. */
export type Made = MadeSnapshot | MadeFailure | MadeEnd
