import type { Layout, LayoutFamily } from '../../shared/metrics/layout.js'
import type { NaiveRecord } from '../naive/record.js'

const SERIES_PER_FAMILY = 20

/**
 * Gauge with the Unix time of the collection. Experiments compute the delay of a sample from it.
 */
export const COLLECTED_METRIC = 'lab_collected_timestamp_seconds'

/**
 * The metrics of each target of a fleet: the time of the collection, and gauges whose values change
 * with each collection. Rendered without a client library, so that one process can stand for
 * thousands of targets and does not become the bottleneck of the measurement.
 */
export class FleetWorkload {
  readonly layout: Layout
  /** Text format of each series up to the value, HELP and TYPE lines included. */
  readonly #prefixes: string[] = []

  constructor(readonly series: number) {
    const families: LayoutFamily[] = [
      familyOf(COLLECTED_METRIC, 'Unix time of the collection.', [[]]),
    ]
    for (let first = 1; first < series; first += SERIES_PER_FAMILY) {
      const name = `lab_level_${String(families.length).padStart(4, '0')}`
      const queues = Array.from({ length: Math.min(SERIES_PER_FAMILY, series - first) }, (_, i) => [
        { name: 'queue', value: `orders-to-be-sent-${i}` },
        { name: 'zone', value: `eu-central-1${'abc'[i % 3]}` },
      ])
      families.push(familyOf(name, 'Current queue length. Changes with each collection.', queues))
    }
    this.layout = { families }
    for (const { name, help, type, series: familySeries } of families) {
      for (const [i, { labels }] of familySeries.entries()) {
        const head = i === 0 ? `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n` : ''
        const text = labels.map(label => `${label.name}="${label.value}"`).join(',')
        this.#prefixes.push(`${head}${name}${text && `{${text}}`} `)
      }
    }
  }

  /**
   * Writes the values of a collection.
   *
   * @param round number of the collection; each gives other values
   * @param collectedAt Unix ms
   */
  fill(values: Float64Array, round: number, collectedAt: number): void {
    values[0] = collectedAt / 1000
    for (let i = 1; i < values.length; i++) values[i] = (i * 7 + round * (1 + (i % 13))) % 100_000
  }

  /** Text format 0.0.4, as a direct scrape returns it. */
  text(values: Float64Array): string {
    let text = ''
    for (const [i, prefix] of this.#prefixes.entries()) text += `${prefix}${values[i]}\n`
    return text
  }

  /** The records that the naive publisher sends, one per family. */
  *records(
    labels: Readonly<Record<string, string>>,
    values: Float64Array,
    timestamp: number,
  ): Generator<NaiveRecord> {
    let i = 0
    for (const { name, type, series } of this.layout.families) {
      const samples = series.map(
        ({ labels: seriesLabels }) =>
          [
            name,
            Object.fromEntries(seriesLabels.map(label => [label.name, label.value])),
            values[i++],
          ] as const,
      )
      yield { labels, timestamp, name, type, samples }
    }
  }
}

function familyOf(
  name: string,
  help: string,
  series: readonly { readonly name: string; readonly value: string }[][],
): LayoutFamily {
  return {
    name,
    type: 'gauge',
    help,
    unit: '',
    series: series.map(labels => ({ suffix: '', labels })),
  }
}
