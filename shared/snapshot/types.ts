import type { Label } from '../metrics/model.js'

/** Fields that a snapshot and a failed collection share. */
export interface CollectionHeader {
  /** Identifying labels of the target: sorted, with `job`. */
  readonly target: readonly Label[]
  /** Start of this run of the app, Unix ms. */
  readonly incarnation: number
  /** Number of the collection within the run, from 0, failed ones included. */
  readonly sequence: number
  /** Number of records of this run that were superseded before they were sent. */
  readonly superseded: number
  /** Unix ms by the producer's clock, strictly increasing within a run. */
  readonly collectedAt: number
  /** Milliseconds until the next collection: 1,000 to 120,000. */
  readonly intervalMs: number
  /** Duration of the collection in the app, seconds. */
  readonly collectSeconds: number
}

/** All fields of a snapshot record except layout and values. */
export interface SnapshotHeader extends CollectionHeader {
  /** Number of this part, from 0, and number of parts. */
  readonly part: number
  readonly parts: number
  /** Whether this is the last snapshot of the run: the target leaves, it does not go down. */
  readonly end: boolean
  /** First 16 bytes of the SHA-256 of the uncompressed layout, as 16 latin1 characters. */
  readonly layoutId: string
}
