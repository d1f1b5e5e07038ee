import type { Cursor } from './cursor.js'
import type { Rules } from './dialect.js'
import type { Families, FamilyTable } from './families.js'
import { OpenMetricsFamilies } from './openmetrics-families.js'
import { PushFamilies } from './push-families.js'
import { OPENMETRICS_TYPES, ScrapeFamilies, TEXT_TYPES } from './scrape-families.js'

/** The families of a page, by the rules of a dialect. */
export function familiesOf(cursor: Cursor, table: FamilyTable, rules: Rules): Families {
  if (rules.comments === 'push') return new PushFamilies(cursor, table)
  if (rules.comments === 'text') return new ScrapeFamilies(cursor, table, TEXT_TYPES)
  return rules.repeatedSeries === 'refuse'
    ? new OpenMetricsFamilies(cursor, table)
    : new ScrapeFamilies(cursor, table, OPENMETRICS_TYPES)
}
