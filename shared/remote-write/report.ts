import { runNow } from '../base/steps.js'
import { layoutTextSteps } from '../exposition/layout-text.js'
import type { Layout } from '../metrics/layout.js'
import type { Label } from '../metrics/model.js'
import { relabelTableSteps } from './relabelled-table.js'
import type { Relabelling } from './relabelling.js'
import { type SeriesTable, seriesTableSteps } from './series-table.js'

/** Series of a target that Prometheus makes itself when it scrapes one, in this order. */
const REPORT = [
  ['up', ''],
  ['scrape_duration_seconds', 'seconds'],
  ['scrape_samples_scraped', ''],
  ['scrape_samples_post_metric_relabeling', ''],
  ['scrape_series_added', ''],
] as const

/** Indexes of the series of a report. */
export const ONLY_UP = Uint32Array.of(0)
export const ALL_BUT_UP = Uint32Array.of(1, 2, 3, 4)

const LAYOUT: Layout = {
  families: REPORT.map(([name, unit]) => ({
    name,
    type: 'gauge',
    help: '',
    unit,
    series: [{ suffix: '', labels: [] }],
  })),
}

/** Tables of the reports, each for all targets whose tables are the same. */
export class ReportTables {
  readonly #tables = new Map<string, SeriesTable>()
  #bytes = 0

  constructor(
    private readonly external: readonly Label[],
    private readonly relabelling: Relabelling | null,
  ) {}

  of(labels: readonly Label[]): SeriesTable {
    const { relabelling } = this
    const key = relabelling?.keyOf(labels) ?? labels.map(({ name }) => name).join('\0')
    const known = this.#tables.get(key)
    if (known) return known
    // Labels of other targets may be many: nothing that a target can choose stays for ever.
    if (this.#tables.size >= MAX_TABLES || this.#bytes >= MAX_BYTES) {
      this.#tables.clear()
      this.#bytes = 0
    }
    const made = makeTable(
      labels.map(({ name }) => name),
      this.external,
    )
    const table = relabelling ? runNow(relabelTableSteps(made, labels, relabelling)) : made
    this.#tables.set(key, table)
    this.#bytes += 2 * key.length + table.bytes
    return table
  }
}

const MAX_TABLES = 1000
const MAX_BYTES = 8 * 1024 * 1024

function makeTable(target: readonly string[], external: readonly Label[]): SeriesTable {
  const text = runNow(layoutTextSteps(LAYOUT, 'allow-utf-8', new Set()))
  const families = LAYOUT.families.map((family, i) => ({
    ...family,
    counterSuffix: '' as const,
    from: i,
    to: i + 1,
  }))
  return runNow(seriesTableSteps({ families, text }, { target, external }))
}
