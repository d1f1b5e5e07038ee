import { runInSlices } from '../../shared/base/steps.js'
import { latin1, layoutTextSteps } from '../../shared/exposition/layout-text.js'
import type { Label } from '../../shared/metrics/model.js'
import type { Collected } from '../../shared/publish/publications.js'
import type { Sample } from '../../shared/publish/sample.js'
import type { SampleBlock } from '../../shared/remote-write/block.js'
import { relabelTableSteps } from '../../shared/remote-write/relabelled-table.js'
import type { Relabelling } from '../../shared/remote-write/relabelling.js'
import type { ReportTables } from '../../shared/remote-write/report.js'
import { type SeriesTable, seriesTableSteps } from '../../shared/remote-write/series-table.js'
import { seriesLeftSteps } from '../../shared/remote-write/table-difference.js'
import { decodeLayoutSteps, type EncodedLayout } from '../../shared/snapshot/layout.js'

/**
 * One target as a receiver of remote write knows it: makes the blocks of each collection, with `up`,
 * its report, and stale markers for series that have left.
 */
export class WrittenTarget {
  readonly #values: readonly string[]
  readonly #names: readonly string[]
  /** Tables of the last snapshot, by the identity of their layouts. */
  #tables: ReadonlyMap<EncodedLayout, SeriesTable> = new Map()

  constructor(
    private readonly labels: readonly Label[],
    private readonly reports: ReportTables,
    private readonly relabelling: Relabelling | null,
  ) {
    this.#values = labels.map(({ value }) => latin1(value))
    this.#names = labels.map(({ name }) => name)
  }

  /** Tables of the last snapshot. */
  get tables(): Iterable<SeriesTable> {
    return this.#tables.values()
  }

  /** One call at a time. */
  async blocksOf({ collection, result, end }: Collected): Promise<SampleBlock[]> {
    const { collectedAt: time, collectSeconds } = collection
    if (result instanceof Error) {
      const markers = await this.#left([], time)
      this.#tables = new Map()
      const report = Float64Array.of(0, collectSeconds, 0, 0, 0)
      return [...markers, ...this.#report(end ? null : report, time)]
    }
    const tables = await this.#tablesOf(result)
    const added = [...tables].reduce(
      (sum, [layout, { series }]) => sum + (this.#tables.has(layout) ? 0 : series),
      0,
    )
    const markers =
      added > 0 || tables.size !== this.#tables.size
        ? await this.#left([...tables.values()], time)
        : []
    this.#tables = tables
    const series = result.values.length
    const report = Float64Array.of(1, collectSeconds, series, series, added)
    const blocks = [
      ...markers,
      ...this.#samples(result, tables, time),
      ...this.#report(report, time),
    ]
    // The final values are alive for the shortest time that a receiver can tell.
    if (end) blocks.push(...(await this.#left([], time + 1)), ...this.#report(null, time + 1))
    return blocks
  }

  async #tablesOf({ parts }: Sample): Promise<Map<EncodedLayout, SeriesTable>> {
    const tables = new Map<EncodedLayout, SeriesTable>()
    for (const { layout } of parts)
      tables.set(layout, this.#tables.get(layout) ?? (await this.#tableOf(layout)))
    return tables
  }

  async #tableOf({ bytes }: EncodedLayout): Promise<SeriesTable> {
    const layout = await runInSlices(decodeLayoutSteps(bytes))
    const text = await runInSlices(layoutTextSteps(layout, 'allow-utf-8', new Set()))
    let at = 0
    const families = layout.families.map(({ name, type, help, unit, series }) => {
      const from = at
      at += series.length
      const counterSuffix = type === 'counter' && series[0]?.suffix === '_total' ? '_total' : ''
      return { name, counterSuffix, type, help, unit, from, to: at } as const
    })
    const labels = { target: this.#names, external: [] }
    const table = await runInSlices(seriesTableSteps({ families, text }, labels))
    const { relabelling } = this
    if (!relabelling) return table
    return runInSlices(relabelTableSteps(table, this.labels, relabelling))
  }

  #samples(
    { parts, values, timestamps, exemplars }: Sample,
    tables: ReadonlyMap<EncodedLayout, SeriesTable>,
    time: number,
  ): SampleBlock[] {
    return parts.flatMap(({ layout, from, to }) => {
      const table = tables.get(layout)!
      return this.#block(table, table.kept, time).map(block => ({
        ...block,
        values: values.subarray(from, to),
        times: timestamps?.subarray(from, to) ?? null,
        exemplars:
          exemplars
            ?.filter(({ series }) => series >= from && series < to)
            .map(exemplar => ({ ...exemplar, series: exemplar.series - from })) ?? null,
      }))
    })
  }

  async #left(others: readonly SeriesTable[], time: number): Promise<SampleBlock[]> {
    const tables = [...this.#tables.values()]
    const left = await runInSlices(seriesLeftSteps(tables, others, this.#values))
    return tables.flatMap((table, i) => this.#block(table, left[i], time))
  }

  #report(values: Float64Array | null, time: number): SampleBlock[] {
    const table = this.reports.of(this.labels)
    return this.#block(table, table.kept, time).map(block => ({ ...block, values }))
  }

  /** Stale markers; no block without series. */
  #block(table: SeriesTable, indexes: Uint32Array | null, time: number): SampleBlock[] {
    if (indexes?.length === 0 || table.series === 0) return []
    const target = table.targetOf(this.#values)
    return [{ table, target, indexes, values: null, time, times: null, exemplars: null }]
  }
}
