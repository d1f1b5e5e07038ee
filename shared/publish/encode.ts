import type { Label } from '../metrics/model.js'
import { encodeSnapshot } from '../snapshot/write.js'
import { exemplarsWithin } from './exemplars-within.js'
import { RECORD_BYTES, recordBytes, type Sample } from './sample.js'

/** A snapshot as it waits: encoded only when it is sent, because it says how many before it were superseded. */
export interface Pending {
  readonly sample: Sample
  readonly sequence: number
  readonly collectedAt: number
  readonly collectSeconds: number
  readonly end: boolean
}

/** What all snapshots of a run have in common. */
export interface Run {
  readonly target: readonly Label[]
  readonly incarnation: number
  readonly intervalMs: number
}

/** One record for each part. */
export function encode(run: Run, pending: Pending, superseded: number): Buffer[] {
  const { sample, sequence, collectedAt, collectSeconds, end } = pending
  const { parts, values, exemplars } = sample
  return parts.map(({ layout, from, to }, part) =>
    encodeSnapshot(
      {
        ...run,
        sequence,
        superseded,
        collectedAt,
        collectSeconds,
        part,
        parts: parts.length,
        end,
        layoutId: layout.id,
      },
      {
        layoutCompressed: layout.compressed,
        values: values.subarray(from, to),
        exemplars: exemplarsWithin(exemplars, { from, to }, RECORD_BYTES - recordBytes({ layout, from, to })),
      },
    ),
  )
}
