import type { Exemplar } from '../metrics/model.js'
import { numberText } from '../metrics/number-text.js'
import { labelText, latin1 } from './layout-text.js'

/**
 * ` # {trace_id="…"} 0.3 1700000000.123` by index of the series, or null without exemplars.
 * OpenMetrics only.
 */
export function exemplarTexts(
  exemplars: readonly Exemplar[] | null,
): ReadonlyMap<number, string> | null {
  if (!exemplars?.length) return null
  return new Map(exemplars.map(exemplar => [exemplar.series, exemplarText(exemplar)]))
}

function exemplarText({ labels, value, timestamp }: Exemplar): string {
  const text = labels.map(label => labelText(label, 'allow-utf-8')).join(',')
  const time = timestamp === null ? '' : ` ${timestamp / 1000}`
  return latin1(` # {${text}} ${numberText(value)}${time}`)
}
