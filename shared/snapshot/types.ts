import type { Label } from '../metrics/model.js'

/** What a snapshot and a failed collection have in common. */
export interface CollectionHeader {
  /** The target's identifying labels: sorted, `job` among them. */
  readonly target: readonly Label[]
  /** Start of this run of the app, Unix ms. */
  readonly incarnation: number
  /** Which collection of this run, from 0, failed ones included. */
  readonly sequence: number
  /** Records of this run replaced unsent, so far. */
  readonly superseded: number
  /** Unix ms by the producer's clock, strictly increasing within a run. */
  readonly collectedAt: number
  /** When the next one is due: 1,000 to 120,000 ms. */
  readonly intervalMs: number
  /** How long the app's own collection took, seconds. */
  readonly collectSeconds: number
}

/** Everything of a snapshot's record that is not its layout or its values. */
export interface SnapshotHeader extends CollectionHeader {
  /** Which part of the snapshot this record is, from 0, and of how many. */
  readonly part: number
  readonly parts: number
  /** A clean goodbye, with the final values. */
  readonly end: boolean
  /** First 16 bytes of SHA-256 of the uncompressed layout, as a latin1 string of 16 characters. */
  readonly layoutId: string
}
