/** Figures of the publisher. They only go up, unless said otherwise. */
export interface PublisherFigures {
  /** Push groups that are published. Goes up and down. */
  targets: number
  snapshots: number
  ends: number
  /** Collections that were due while the brokers or the log were away. */
  skipped: number
  /** Push groups whose grouping key cannot identify a target, or that another has. Up and down. */
  unpublishable: number
  /** Series that cannot be part of a snapshot, as of the last collection of each. Up and down. */
  droppedSeries: number
  /** Snapshots and ends that the brokers refused. */
  refused: number
}

export const noPublisherFigures = (): PublisherFigures => ({
  targets: 0,
  snapshots: 0,
  ends: 0,
  skipped: 0,
  unpublishable: 0,
  droppedSeries: 0,
  refused: 0,
})
