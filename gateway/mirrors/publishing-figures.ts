/** Figures of reading the topic of writes and publishing. They only go up, unless said otherwise. */
export interface PublishingFigures {
  /** Snapshots, failures and ends that the brokers refused. */
  refused: number
  /** Series that cannot be part of a record, as of the last snapshot of each. Goes up and down. */
  droppedSeries: number
  /** Times that records were deleted before they were read, and their number. */
  gaps: number
  lostRecords: number
}

export const noPublishingFigures = (): PublishingFigures => ({
  refused: 0,
  droppedSeries: 0,
  gaps: 0,
  lostRecords: 0,
})
