import { quote } from '../base/quote.js'
import type { Steps } from '../base/steps.js'
import { DEFAULT_LIMITS } from '../metrics/limits.js'
import type { LayoutCompression } from '../snapshot/layout-compression.js'
import type { Mapping } from '../snapshot/mapping/mapping.js'
import { PART_BYTES, type Part, planSteps } from '../snapshot/split.js'
import { RECORD_BYTES, recordBytes, seriesBytes } from './sample.js'

/** How the values of a source are mapped to records. Valid until its series change. */
export interface Plan {
  readonly mapping: Mapping
  readonly parts: readonly Part[]
}

/**
 * Maps a source to records. A family that does not fit into a record is excluded, and the source is
 * mapped again.
 *
 * @param map returns the mapping without some families of the layout; the values are the reasons
 * @param timestamps whether records need space for timestamps
 */
export function* publicationPlan(
  map: (excluded: ReadonlyMap<string, string>) => Steps<Mapping>,
  timestamps: boolean,
  compression?: LayoutCompression,
): Steps<Plan> {
  const excluded = new Map<string, string>()
  for (;;) {
    const mapping = yield* map(excluded)
    const bytesPerSeries = seriesBytes(timestamps)
    const parts = yield* planSteps(mapping.layout, PART_BYTES, bytesPerSeries, compression)
    const refused = [...refusedOf(parts, timestamps)]
    if (refused.length === 0) return { mapping, parts }
    for (const [{ from, to }, reason] of refused) {
      for (const name of familiesOf(mapping, from, to)) excluded.set(name, reason)
    }
  }
}

/**
 * Yields the parts that brokers or exposers would refuse, with the reason. Only a part of a single
 * family can be too large.
 */
function* refusedOf(parts: readonly Part[], timestamps: boolean): Generator<[Part, string]> {
  for (const [index, part] of parts.entries()) {
    if (recordBytes(part, timestamps) > RECORD_BYTES)
      yield [part, `it takes more than ${RECORD_BYTES} bytes`]
    else if (index >= DEFAULT_LIMITS.parts)
      yield [part, `there are more than ${DEFAULT_LIMITS.parts} parts`]
  }
}

function familiesOf({ layout }: Mapping, from: number, to: number): string[] {
  let first = 0
  return layout.families.flatMap(({ name, series }) => {
    const isInside = first >= from && first < to
    first += series.length
    return isInside ? [name] : []
  })
}

/**
 * Returns why none of a source's series can be published. Null if the source has none.
 *
 * @param series number of series of the source
 */
export function unpublishableReason(
  series: number,
  dropped: ReadonlyMap<string, string>,
): string | null {
  const [first] = dropped
  return series === 0 || !first
    ? null
    : `none of the ${series} series can be published; first reason, metric ${quote(first[0])}: ${first[1]}`
}
