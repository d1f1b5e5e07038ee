import type { Steps } from '../../base/steps.js'
import type { Family, Series } from '../model.js'

const SERIES_A_STEP = 500

/** Whether two lists of families are equal. */
export function* sameFamilies(a: readonly Family[], b: readonly Family[]): Steps<boolean> {
  if (a.length !== b.length) return false
  let compared = 0
  for (let f = 0; f < a.length; f++) {
    if (!sameHead(a[f], b[f])) return false
    const { series } = a[f]
    for (let s = 0; s < series.length; s++) {
      if (!sameSeries(series[s], b[f].series[s])) return false
      if (++compared % SERIES_A_STEP === 0) yield
    }
  }
  return true
}

const sameHead = (a: Family, b: Family): boolean =>
  a.name === b.name &&
  a.type === b.type &&
  a.help === b.help &&
  a.unit === b.unit &&
  a.series.length === b.series.length

function sameSeries(a: Series, b: Series): boolean {
  if (a.suffix !== b.suffix || a.labels.length !== b.labels.length) return false
  for (let i = 0; i < a.labels.length; i++)
    if (a.labels[i].name !== b.labels[i].name || a.labels[i].value !== b.labels[i].value)
      return false
  return true
}
