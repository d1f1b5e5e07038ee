import { sortSteps } from '../../../shared/base/sort-steps.js'
import type { Steps } from '../../../shared/base/steps.js'
import type { SnapshotBody } from '../../../shared/snapshot/read.js'
import type { CompiledLayout } from './compiled-layout.js'
import type { Size } from './memory.js'
import { ARRAY_BYTES, exemplarBytesSteps } from './sizes.js'
import type { SnapshotPart } from './snapshot.js'

/** A body as a part holds it. */
export interface PartBody extends SnapshotBody {
  readonly exemplarBytes: number
}

/** The body with its exemplars in the order of their series, as they are rendered. */
export function* partBodySteps({ values, timestamps, exemplars }: SnapshotBody): Steps<PartBody> {
  if (!exemplars) return { values, timestamps, exemplars, exemplarBytes: 0 }
  const isInOrder = exemplars.every((one, i) => i === 0 || exemplars[i - 1].series <= one.series)
  const ordered = isInOrder ? exemplars : yield* sortSteps(exemplars, (a, b) => a.series - b.series)
  const exemplarBytes = yield* exemplarBytesSteps(ordered)
  return { values, timestamps, exemplars: ordered, exemplarBytes }
}

/** As `partBodySteps` for a body without exemplars, which most are. */
export const withoutExemplars = ({ values, timestamps }: SnapshotBody): PartBody => ({
  values,
  timestamps,
  exemplars: null,
  exemplarBytes: 0,
})

export const timestampsSize = ({ byteLength }: Float64Array): Size => ({
  heap: ARRAY_BYTES,
  buffers: byteLength,
})

/** A part with one holder. */
export function partOf(layout: CompiledLayout, offset: number, body: PartBody): SnapshotPart {
  const { values, timestamps, exemplars, exemplarBytes } = body
  return {
    kind: 'part',
    holders: 1,
    layout,
    values,
    raw: null,
    timestamps,
    exemplars,
    exemplarBytes,
    offset,
  }
}

/** A part with one holder, whose body is decoded later. */
export function undecodedPart(layout: CompiledLayout, offset: number, raw: Buffer): SnapshotPart {
  return {
    kind: 'part',
    holders: 1,
    layout,
    values: null,
    raw,
    timestamps: null,
    exemplars: null,
    exemplarBytes: 0,
    offset,
  }
}
