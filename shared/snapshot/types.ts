import type { Label } from '../metrics/model.js'

/** Everything of a record that is not its layout or its values. */
export interface SnapshotHeader {
  /** The target's identifying labels: sorted, `job` among them. */
  readonly target: readonly Label[]
  /** Start of this run of the app, Unix ms. */
  readonly incarnation: number
  /** Which snapshot of this run, from 0, given at collection. */
  readonly sequence: number
  /** Snapshots of this run replaced unsent, so far. */
  readonly superseded: number
  /** Unix ms by the producer's clock, strictly increasing within a run. */
  readonly collectedAt: number
  /** When the next one is due: 1,000 to 120,000 ms. */
  readonly intervalMs: number
  /** How long the app's own collection took, seconds. */
  readonly collectSeconds: number
  /** Which part of the snapshot this record is, from 0, and of how many. */
  readonly part: number
  readonly parts: number
  /** A clean goodbye, with the final values. */
  readonly end: boolean
  /** First 16 bytes of SHA-256 of the uncompressed layout, as a latin1 string of 16 characters. */
  readonly layoutId: string
}
