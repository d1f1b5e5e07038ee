import type { Exposition } from '../../../../shared/metrics/model.js'

export interface SpelledSample {
  /** Name and value of each label, `__name__` included. */
  readonly labels: readonly (readonly [string, string])[]
  readonly value: number
  /** Unix milliseconds. */
  readonly timestamp?: number | null
  readonly exemplar?: SpelledSample
}

const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i
const INFINITE = /^[-+]?inf(inity)?$/i

/** `le` and `quantile` as JavaScript prints the number, so that `1.0` and `1` are spelled alike. */
function canonical(name: string, value: string): string {
  if (name !== 'le' && name !== 'quantile') return value
  if (INFINITE.test(value)) return value.startsWith('-') ? '-Infinity' : 'Infinity'
  return DECIMAL.test(value) ? String(Number(value)) : value
}

/** One spelling for equal samples, whoever read them. A label without a value is none. */
export function spell({ labels, value, timestamp, exemplar }: SpelledSample): string {
  const name = labels.find(([label]) => label === '__name__')?.[1] ?? ''
  const others = labels
    .filter(([label, text]) => label !== '__name__' && text !== '')
    .map(([label, text]) => `${JSON.stringify(label)}=${JSON.stringify(canonical(label, text))}`)
    .sort()
  const at = timestamp === undefined || timestamp === null ? '' : ` @${timestamp}`
  const example = exemplar ? ` # ${spell(exemplar)}` : ''
  return `${name}{${others.join(',')}} ${Object.is(value, -0) ? '-0' : value}${at}${example}`
}

/** The samples of an exposition, sorted. */
export function spellAll({ families, values, timestamps, exemplars }: Exposition): string[] {
  const exemplarOf = new Map(exemplars?.map(exemplar => [exemplar.series, exemplar]))
  return families
    .flatMap(({ name, series }) =>
      series.map(({ suffix, labels }) => [['__name__', name + suffix] as const, ...pairs(labels)]),
    )
    .map((labels, index) => {
      const timestamp = timestamps && !Number.isNaN(timestamps[index]) ? timestamps[index] : null
      const example = exemplarOf.get(index)
      return spell({
        labels,
        value: values[index],
        timestamp,
        exemplar: example && { ...example, labels: pairs(example.labels) },
      })
    })
    .sort()
}

const pairs = (labels: readonly { readonly name: string; readonly value: string }[]) =>
  labels.map(({ name, value }) => [name, value] as const)
