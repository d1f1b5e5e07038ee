import { runInSlices } from '../../shared/base/steps.js'
import type { Label } from '../../shared/metrics/model.js'
import { type SampleBlock, samplesOf } from '../../shared/remote-write/block.js'
import type { WriteFigures } from '../../shared/remote-write/figures.js'
import type { Relabelling } from '../../shared/remote-write/relabelling.js'
import { ALL_BUT_UP, ONLY_UP, type ReportTables } from '../../shared/remote-write/report.js'
import type { SeriesTable } from '../../shared/remote-write/series-table.js'
import { seriesLeftSteps } from '../../shared/remote-write/table-difference.js'
import { seriesMissing } from '../core/series-difference.js'
import type { CompiledLayout } from '../core/store/compiled-layout.js'
import type { Emission } from './emissions.js'
import type { SentTimes } from './sent-times.js'
import { type Tables, valuesOf } from './tables.js'

export interface BlockContext {
  readonly tables: Tables
  readonly reports: ReportTables
  readonly relabelling: Relabelling | null
  readonly figures: Pick<WriteFigures, 'relabelledAway'>
  /** Whether `up` and the report are sent. */
  readonly report: boolean
  readonly exemplars: boolean
}

/**
 * Makes the blocks of an emission, which it holds meanwhile. Resolves at once, in the same turn of
 * the event loop as far as promises allow, if the tables of its layouts are known.
 */
export async function blocksOf(
  emission: Emission,
  context: BlockContext,
  sentTimes: SentTimes,
): Promise<SampleBlock[]> {
  const { target, time } = emission
  const { labels } = target
  const values = valuesOf(labels)
  switch (emission.kind) {
    case 'snapshot': {
      const { snapshot } = emission
      const blocks: SampleBlock[] = []
      for (const [i, part] of snapshot.parts.entries()) {
        const table = await tableOf(context, part.layout, labels)
        const indexes = part.timestamps ? sentTimes.newer(i, part) : null
        const made = markers(table, values, indexes, time).map(block => ({
          ...block,
          values: part.values,
          times: part.timestamps,
          exemplars: context.exemplars ? part.exemplars : null,
        }))
        countDropped(context, indexes?.length ?? table.series, made)
        blocks.push(...made)
      }
      const added = sentTimes.addedSeries(snapshot.parts)
      const { series, collectSeconds } = snapshot
      const report = Float64Array.of(1, collectSeconds, series, series, added)
      return [...blocks, ...reportBlock(emission, context, report, null)]
    }
    case 'left': {
      sentTimes.forget()
      const { before, now } = emission
      if (context.relabelling) {
        const tablesOf = async (layouts: readonly CompiledLayout[]) => {
          const tables: SeriesTable[] = []
          for (const layout of layouts) tables.push(await tableOf(context, layout, labels))
          return tables
        }
        const tables = await tablesOf(before)
        const steps = seriesLeftSteps(tables, await tablesOf(now), values)
        const left = await runInSlices(steps)
        return tables.flatMap((table, i) => markers(table, values, left[i], time))
      }
      const missing =
        now.length === 0 ? before.map(() => null) : await runInSlices(seriesMissing(before, now))
      const blocks: SampleBlock[] = []
      for (const [i, layout] of before.entries()) {
        const indexes = missing[i] && Uint32Array.from(missing[i])
        if (indexes?.length === 0 || layout.series === 0) continue
        const table = await tableOf(context, layout, labels)
        blocks.push(...markers(table, values, indexes, time))
      }
      return blocks
    }
    case 'down': {
      const { collectSeconds } = emission
      return collectSeconds === null
        ? reportBlock(emission, context, new Float64Array(5), ONLY_UP)
        : reportBlock(emission, context, Float64Array.of(0, collectSeconds, 0, 0, 0), null)
    }
    case 'reportLeft': {
      const { up, report } = emission
      return reportBlock(emission, context, null, up ? (report ? null : ONLY_UP) : ALL_BUT_UP)
    }
  }
}

function reportBlock(
  { target: { labels }, time }: Emission,
  context: BlockContext,
  values: Float64Array | null,
  indexes: Uint32Array | null,
): SampleBlock[] {
  if (!context.report) return []
  const table = context.reports.of(labels)
  const made = markers(table, valuesOf(labels), indexes, time).map(block => ({ ...block, values }))
  if (values) countDropped(context, indexes?.length ?? table.series, made)
  return made
}

/** A block of stale markers for those series that are sent; none without any. */
function markers(
  table: SeriesTable,
  target: readonly string[],
  indexes: Uint32Array | null,
  time: number,
): SampleBlock[] {
  const kept = table.keptOf(indexes)
  if (kept?.length === 0) return []
  const values = table.targetOf(target)
  return [
    { table, target: values, indexes: kept, values: null, time, times: null, exemplars: null },
  ]
}

function countDropped({ figures }: BlockContext, samples: number, made: readonly SampleBlock[]) {
  figures.relabelledAway += samples - made.reduce((sum, block) => sum + samplesOf(block), 0)
}

const tableOf = ({ tables }: BlockContext, layout: CompiledLayout, labels: readonly Label[]) =>
  tables.known(layout, labels) ?? tables.make(layout, labels)
