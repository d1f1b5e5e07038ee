import type { PushedFamily } from '../state/types.js'
import type { HeldFamily } from '../state/view.js'

/** Memory besides the texts, bytes. */
const GROUP_BYTES = 500
const FAMILY_BYTES = 300
/** A value as text. */
const VALUE_BYTES = 12
/** In a record. */
const RECORD_OVERHEAD = 32

/** Samples of a push, and estimates of what it needs, bytes. */
export interface PushSize {
  readonly samples: number
  /** Memory while it is held. */
  readonly held: number
  /** The record that it becomes. */
  readonly record: number
}

export function sizeOf(families: readonly PushedFamily[]): PushSize {
  let samples = 0
  let held = GROUP_BYTES
  let record = RECORD_OVERHEAD
  for (const { name, help, series, values } of families) {
    const texts = 3 * (name.length + help.length) + series.length
    samples += values.length
    held += FAMILY_BYTES + texts + VALUE_BYTES * values.length
    record += RECORD_OVERHEAD + texts + 8 * values.length
  }
  return { samples, held, record }
}

/** What a push group gives up when these families are replaced. */
export function sizeOfHeld(families: Iterable<HeldFamily>): Pick<PushSize, 'samples' | 'held'> {
  let samples = 0
  let held = GROUP_BYTES
  for (const { name, help, seriesBytes, samples: own } of families) {
    samples += own
    held += FAMILY_BYTES + 3 * (name.length + help.length) + seriesBytes + VALUE_BYTES * own
  }
  return { samples, held }
}
