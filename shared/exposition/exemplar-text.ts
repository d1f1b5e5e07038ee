import type { Steps } from '../base/steps.js'
import type { Exemplar } from '../metrics/model.js'
import { numberText } from '../metrics/number-text.js'
import { labelText, latin1 } from './layout-text.js'

const EXEMPLARS_PER_STEP = 200

/** ` # {trace_id="…"} 0.3 1700000000.123` by index of the series. OpenMetrics only. */
export function* exemplarTextSteps(
  exemplars: readonly Exemplar[],
): Steps<ReadonlyMap<number, string> | null> {
  if (exemplars.length === 0) return null
  const texts = new Map<number, string>()
  for (const [i, exemplar] of exemplars.entries()) {
    texts.set(exemplar.series, exemplarText(exemplar))
    if ((i + 1) % EXEMPLARS_PER_STEP === 0) yield
  }
  return texts
}

function exemplarText({ labels, value, timestamp }: Exemplar): string {
  const text = labels.map(label => labelText(label, 'allow-utf-8')).join(',')
  const time = timestamp === null ? '' : ` ${timestamp / 1000}`
  return latin1(` # {${text}} ${numberText(value)}${time}`)
}
