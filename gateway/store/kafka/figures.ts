/**
 * Figures of the Kafka store. They are read at any time and only go up, unless said otherwise.
 */
export interface StoreFigures {
  /** Offset of the last applied record; −1 before the first. It goes back if the state is loaded. */
  appliedOffset: number
  /** Records between the position and the end of the log, as of the last fetch. Goes up and down. */
  lagRecords: number
  /** Records of the log that were applied, those of repeated ids included. */
  recordsApplied: number
  recordsMalformed: number
  recordsRepeated: number
  /** Requests and ticks. */
  appendsDone: number
  appendsFailed: number
  snapshotsWritten: number
  snapshotsFailed: number
  snapshotsLoaded: number
  /** Records of the topic of snapshots that are no chunk, or have a wrong checksum. */
  chunksMalformed: number
  /** Sizes and durations of the last ones; 0 before. They go up and down. */
  lastWrittenBytes: number
  lastWrittenSeconds: number
  lastLoadedBytes: number
  lastLoadedSeconds: number
  /** Times that the log did not continue the newest snapshot. */
  gaps: number
  /** Times that the state was dropped and loaded again because the log had gone on without it. */
  reloads: number
}

export const noFigures = (): StoreFigures => ({
  appliedOffset: -1,
  lagRecords: 0,
  recordsApplied: 0,
  recordsMalformed: 0,
  recordsRepeated: 0,
  appendsDone: 0,
  appendsFailed: 0,
  snapshotsWritten: 0,
  snapshotsFailed: 0,
  snapshotsLoaded: 0,
  chunksMalformed: 0,
  lastWrittenBytes: 0,
  lastWrittenSeconds: 0,
  lastLoadedBytes: 0,
  lastLoadedSeconds: 0,
  gaps: 0,
  reloads: 0,
})
