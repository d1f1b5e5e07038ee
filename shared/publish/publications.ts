import { encodeFailure, failureLine } from '../snapshot/failure.js'
import { encodeSnapshot } from '../snapshot/write.js'
import { exemplarsWithin } from './exemplars-within.js'
import type { Publication } from './publication.js'
import type { Collection, RunHeader } from './run.js'
import { RECORD_BYTES, recordBytes, type Sample } from './sample.js'

/** The result of one collection of a target: a sample, or why it failed. */
export interface Collected {
  readonly run: RunHeader
  readonly collection: Collection
  readonly result: Sample | Error
  /** Whether it is the last one of the run. */
  readonly end: boolean
}

/** The records of a collection. */
export function publicationOf({ run, collection, result, end }: Collected): Publication {
  return result instanceof Error
    ? failureOf(run, collection, result.message)
    : snapshotOf(run, collection, result, end)
}

/** A snapshot, with one record for each part. @param end whether it is the last one of the run */
export function snapshotOf(
  run: RunHeader,
  collection: Collection,
  sample: Sample,
  end: boolean,
): Publication {
  const { parts, values, timestamps, exemplars } = sample
  return {
    bytes: values.byteLength + (timestamps?.byteLength ?? 0),
    encodedBytes: parts.reduce(
      (sum, part) => sum + part.layout.compressed.length,
      values.byteLength + (timestamps?.byteLength ?? 0),
    ),
    *encode(superseded) {
      for (const [part, { layout, from, to }] of parts.entries()) {
        const room = RECORD_BYTES - recordBytes({ layout, from, to }, timestamps !== null)
        yield encodeSnapshot(
          {
            ...run,
            ...collection,
            superseded,
            part,
            parts: parts.length,
            end,
            layoutId: layout.id,
          },
          {
            layoutCompressed: layout.compressed,
            values: values.subarray(from, to),
            timestamps:
              timestamps && timestampsWithin(timestamps, from, to, collection.collectedAt),
            exemplars: exemplarsWithin(exemplars, { from, to }, room),
          },
        )
      }
    },
  }
}

/** A failed collection. @param failure the reason, cut to one line of at most 1,024 bytes */
export function failureOf(run: RunHeader, collection: Collection, failure: string): Publication {
  const line = failureLine(failure)
  const bytes = Buffer.byteLength(line)
  return {
    bytes,
    encodedBytes: bytes,
    encode: superseded => [encodeFailure({ ...run, ...collection, superseded }, line)],
  }
}

/**
 * Timestamps of a part. Null if no value of the part has one: a record has timestamps for all of
 * its values or for none.
 */
function timestampsWithin(
  timestamps: Float64Array,
  from: number,
  to: number,
  collectedAt: number,
): Float64Array | null {
  const own = timestamps.subarray(from, to)
  if (own.every(Number.isNaN)) return null
  return own.map(time => (Number.isNaN(time) ? collectedAt : time))
}
