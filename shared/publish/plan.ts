import { quote } from '../base/quote.js'
import type { Steps } from '../base/steps.js'
import { DEFAULT_LIMITS } from '../metrics/limits.js'
import type { Mapping } from '../snapshot/mapping/mapping.js'
import { PART_BYTES, type Part, planSteps } from '../snapshot/split.js'
import { RECORD_BYTES, recordBytes, seriesBytes } from './sample.js'

/** How the values of a source become those of records, until its series change. */
export interface Plan {
  readonly mapping: Mapping
  readonly parts: readonly Part[]
}

/**
 * @param map the mapping, given the families of the layout to leave out, and why
 * @param timestamps whether its values may have times of their own
 */
export function* publicationPlan(
  map: (without: ReadonlyMap<string, string>) => Steps<Mapping>,
  timestamps: boolean,
): Steps<Plan> {
  const without = new Map<string, string>()
  for (;;) {
    const mapping = yield* map(without)
    const parts = yield* planSteps(mapping.layout, PART_BYTES, seriesBytes(timestamps))
    const refused = [...refusedOf(parts, timestamps)]
    if (refused.length === 0) return { mapping, parts }
    for (const [{ from, to }, why] of refused) {
      for (const name of familiesOf(mapping, from, to)) without.set(name, why)
    }
  }
}

/**
 * Parts that would be refused, and the whole snapshot with them. Too large are only those of a
 * single family.
 */
function* refusedOf(parts: readonly Part[], timestamps: boolean): Generator<[Part, string]> {
  for (const [index, part] of parts.entries()) {
    if (recordBytes(part, timestamps) > RECORD_BYTES) yield [part, `it takes more than ${RECORD_BYTES} bytes`]
    else if (index >= DEFAULT_LIMITS.parts) yield [part, `there are more than ${DEFAULT_LIMITS.parts} parts`]
  }
}

function familiesOf({ layout }: Mapping, from: number, to: number): string[] {
  let first = 0
  return layout.families.flatMap(({ name, series }) => {
    const inside = first >= from && first < to
    first += series.length
    return inside ? [name] : []
  })
}

/**
 * Why a source with so many series cannot be published when none is carried: null when it had none.
 */
export function nothingLeft(series: number, dropped: ReadonlyMap<string, string>): string | null {
  const [first] = dropped
  return series === 0 || !first
    ? null
    : `none of the ${series} series can be published; of metric ${quote(first[0])}: ${first[1]}`
}
