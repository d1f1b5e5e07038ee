import { quote } from '../../base/quote.js'
import { METRIC_TYPES, type MetricType } from '../model.js'
import type { Cursor } from './cursor.js'
import type { Families, FamilyDraft, FamilyTable, Metadata, SampleLine } from './families.js'
import type { MetricName } from './names.js'
import { SUFFIXES_OF_TYPE, suffixOf, withoutSuffix } from './suffixes.js'

/** The types that Prometheus accepts, by format. */
export const TEXT_TYPES: ReadonlyMap<string, MetricType> = new Map([
  ['counter', 'counter'],
  ['gauge', 'gauge'],
  ['histogram', 'histogram'],
  ['summary', 'summary'],
  ['untyped', 'unknown'],
])
export const OPENMETRICS_TYPES: ReadonlyMap<string, MetricType> = new Map(
  METRIC_TYPES.map(type => [type, type]),
)

/**
 * Prometheus accepts metadata and samples in any order. Of repeated metadata the last line applies,
 * and a family may be interleaved with others. All samples of one name belong to one family, which
 * is determined when the first of them is read.
 */
export class ScrapeFamilies implements Families {
  constructor(
    private readonly cursor: Cursor,
    private readonly table: FamilyTable,
    private readonly types: ReadonlyMap<string, MetricType>,
  ) {}

  describe(kind: Metadata, name: MetricName, text: string): void {
    const family = name.declared ?? this.table.add(name)
    if (kind === 'HELP') family.help = text
    else if (kind === 'UNIT') family.unit = unitOf(this.cursor, name.text, text)
    else family.type = typeOf(this.cursor, this.types, text)
  }

  place(sample: SampleLine): undefined {
    if (!sample.name.owner) this.#settle(sample.name)
    sample.suffix = sample.name.suffix
  }

  #settle(name: MetricName): void {
    const suffix = suffixOf(name.text)
    const base =
      name.declared || suffix === '' ? undefined : this.table.get(withoutSuffix(name.text, suffix))
    const belongs = base && SUFFIXES_OF_TYPE[base.type].includes(suffix)
    name.owner = name.declared ?? (belongs ? base : this.table.add(name))
    name.suffix = belongs ? suffix : ''
  }

  finish(): readonly FamilyDraft[] {
    return this.table.drafts
  }
}

export function typeOf(
  cursor: Cursor,
  types: ReadonlyMap<string, MetricType>,
  text: string,
): MetricType {
  return (
    types.get(text) ??
    cursor.refuse(
      'metadata',
      `${quote(text)} is not a metric type; write one of ${[...types.keys()].join(', ')}`,
    )
  )
}

/** A unit has to be the end of the family's name. */
export function unitOf(cursor: Cursor, name: string, unit: string): string {
  if (unit !== '' && !name.endsWith(`_${unit}`))
    cursor.refuse(
      'metadata',
      `the unit ${quote(unit)} is not the end of the name ${quote(name)}; rename the family or remove the unit`,
    )
  return unit
}
