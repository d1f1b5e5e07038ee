import type { Layout, LayoutFamily } from '../../shared/metrics/layout.js'
import type { NaiveRecord } from '../naive/record.js'

const PER_FAMILY = 20

/** The time of the collection, by which its delay is measured. */
export const COLLECTED = 'lab_collected_timestamp_seconds'

/**
 * What each target of a fleet exposes: the time of its collection, and levels of many queues, all of which change. Rendered without a client library, so that
 * thousands of targets fit into one process that is not what is measured.
 */
export class FleetWorkload {
  readonly layout: Layout
  /** Lines up to the value, as the text format has them. */
  readonly #prefixes: string[] = []

  constructor(readonly series: number) {
    const families: LayoutFamily[] = [familyOf(COLLECTED, 'When this was collected.', [[]])]
    for (let first = 1; first < series; first += PER_FAMILY) {
      const name = `lab_level_${String(families.length).padStart(4, '0')}`
      const queues = Array.from({ length: Math.min(PER_FAMILY, series - first) }, (_, i) => [
        { name: 'queue', value: `orders-to-be-sent-${i}` },
        { name: 'zone', value: `eu-central-1${'abc'[i % 3]}` },
      ])
      families.push(familyOf(name, 'Levels that change with each collection.', queues))
    }
    this.layout = { families }
    for (const { name, help, type, series: all } of families) {
      for (const [i, { labels }] of all.entries()) {
        const head = i === 0 ? `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n` : ''
        const text = labels.map(label => `${label.name}="${label.value}"`).join(',')
        this.#prefixes.push(`${head}${name}${text && `{${text}}`} `)
      }
    }
  }

  /** @param at Unix ms of the collection */
  fill(values: Float64Array, round: number, at: number): void {
    values[0] = at / 1000
    for (let i = 1; i < values.length; i++) values[i] = (i * 7 + round * (1 + (i % 13))) % 100_000
  }

  text(values: Float64Array): string {
    let text = ''
    for (const [i, prefix] of this.#prefixes.entries()) text += `${prefix}${values[i]}\n`
    return text
  }

  *records(
    labels: Readonly<Record<string, string>>,
    values: Float64Array,
    timestamp: number,
  ): Generator<NaiveRecord> {
    let i = 0
    for (const { name, type, series } of this.layout.families) {
      const samples = series.map(
        one =>
          [
            name,
            Object.fromEntries(one.labels.map(label => [label.name, label.value])),
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
  return { name, type: 'gauge', help, unit: '', series: series.map(labels => ({ suffix: '', labels })) }
}
