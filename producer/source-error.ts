/**
 * How a source failed. `failed`: it threw or rejected. `timeout`: it did not answer in time.
 * `refused`: its answer cannot be read.
 */
export type SourceErrorKind = 'failed' | 'timeout' | 'refused'

/** Why a source, or one of its metrics, is not published. */
export interface SourceError {
  readonly kind: SourceErrorKind
  /** Name of the source. */
  readonly source: string
  /** Name of the metric, if only that one failed. */
  readonly metric?: string
  readonly message: string
}
