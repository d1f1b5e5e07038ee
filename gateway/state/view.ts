import type { Escaping } from '../../shared/exposition/format.js'
import type { Label } from '../../shared/metrics/model.js'
import type { PushedType } from './types.js'

/** A family that a push group holds. */
export interface HeldFamily {
  readonly name: string
  readonly type: PushedType
  readonly help: string
  /**
   * Its samples as lines of text 1.0.0, each with a line feed at its end. Latin1 characters that
   * are UTF-8 bytes.
   */
  readonly lines: string
  /** The texts before the values and the values, as in `PushedFamily`. */
  readonly series: string
  readonly values: Float64Array
  /** Length of `series`, which need not be made for it. */
  readonly seriesBytes: number
  /** Number of samples. */
  readonly samples: number
  /** Log time of the push that it comes from, Unix ms. */
  readonly pushedAt: number
}

/** A push group as readers see it. It is not changed afterwards. */
export interface HeldGroup {
  /** The grouping key, sorted by name. */
  readonly labels: readonly Label[]
  /**
   * `{instance="",job="a"}`: its grouping key with an instance, as the two time series of the group
   * have it. Latin1 characters that are UTF-8 bytes.
   */
  readonly labelText: string
  readonly families: ReadonlyMap<string, HeldFamily>
  /** Number of samples, without the two push times. */
  readonly samples: number
  /** Log time of the last successful push, Unix ms; 0 if there was none. */
  readonly pushedAt: number
  /** Log time of the last failed push, Unix ms; 0 if there was none. */
  readonly failedAt: number
  /** Log time at which it expires, Unix ms; Infinity if it does not. */
  readonly expiresAt: number
}

/** How much is held. */
export interface Held {
  readonly groups: number
  /** Samples of all push groups and all ingested series. */
  readonly samples: number
  /** Estimate of the memory, bytes. */
  readonly bytes: number
  /** Samples that are left out of the exposition because of a conflict with others. */
  readonly conflicts: number
  /** Series that were ingested one by one. */
  readonly ingested: number
}

/** A consistent view of all that is held at one moment. What has expired is not part of it. */
export interface PushView {
  /** Log time of the view, Unix ms. */
  readonly time: number
  /** In no particular order. A push group that changes meanwhile is returned as it is then. */
  groups(): Iterable<HeldGroup>
  /** @param labels grouping key, sorted by name */
  group(labels: readonly Label[]): HeldGroup | undefined
  /**
   * The exposition of all push groups and ingested series in text format. It shows the push groups
   * of the moment of the first chunk; conflicts between push groups, which only unchecked pushes can
   * cause, and ingested series, are those of the moment of their own chunk. A chunk is valid until
   * the generator continues; at each chunk, also an empty one, the event loop can be yielded.
   *
   * @param escaping of names outside the legacy character set
   */
  expose(escaping: Escaping): Generator<Buffer>
}
