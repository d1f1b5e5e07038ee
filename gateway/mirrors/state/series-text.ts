import { compareUtf8, sortLabels } from '../../../shared/metrics/labels.js'
import type { Label } from '../../../shared/metrics/model.js'

/**
 * A series of a mirror as one text: its name, a NUL, and `name NUL value NUL …` of the labels that
 * the target does not have, sorted. Unambiguous because names and values contain no NUL.
 */
export type SeriesText = string

/** Labels of a target by its key. Undefined if it is not a key (`shared/snapshot/key.ts`). */
export function labelsOfKey(key: Buffer): Label[] | undefined {
  const parts = key.toString('utf8').split('\0')
  if (parts.length < 3 || parts.length % 2 === 0 || parts.pop() !== '') return undefined
  const labels: Label[] = []
  for (let i = 0; i < parts.length; i += 2) labels.push({ name: parts[i], value: parts[i + 1] })
  const isSorted = labels.every(
    (label, i) => i === 0 || compareUtf8(labels[i - 1].name, label.name) < 0,
  )
  return isSorted && labels.some(({ name, value }) => name === 'job' && value !== '')
    ? labels
    : undefined
}

/**
 * The text of a series of a request. Labels with an empty value are as good as none.
 *
 * @param from first index into `refs`; `to` is exclusive
 * @param targetNames names of the labels of the target
 * @returns undefined if the series has no name, or a NUL in a label
 */
export function textOfSeries(
  symbols: readonly string[],
  refs: Uint32Array,
  range: { readonly from: number; readonly to: number },
  targetNames: ReadonlySet<string>,
): SeriesText | undefined {
  let name = ''
  let rest = ''
  let last = ''
  let pairs = 0
  let isSorted = true
  for (let i = range.from; i < range.to; i += 2) {
    const label = symbols[refs[i]]
    const value = symbols[refs[i + 1]]
    if (label === '__name__') name = value
    else if (value !== '' && !targetNames.has(label)) {
      if (pairs > 0 && compareUtf8(last, label) >= 0) isSorted = false
      last = label
      rest += `${label}\0${value}\0`
      pairs++
    }
  }
  const text = `${name}\0${isSorted ? rest : sorted(rest)}`
  return name !== '' && nulsOf(text) === 1 + 2 * pairs ? text : undefined
}

function sorted(rest: string): string {
  const parts = rest.split('\0')
  const labels: Label[] = []
  for (let i = 0; i + 1 < parts.length; i += 2) labels.push({ name: parts[i], value: parts[i + 1] })
  return sortLabels(labels)
    .map(({ name, value }) => `${name}\0${value}\0`)
    .join('')
}

function nulsOf(text: string): number {
  let nuls = 0
  for (let at = text.indexOf('\0'); at >= 0; at = text.indexOf('\0', at + 1)) nuls++
  return nuls
}

export const nameOf = (text: SeriesText): string => text.slice(0, text.indexOf('\0'))

/** Everything after the name. */
export const restOf = (text: SeriesText): string => text.slice(text.indexOf('\0') + 1)

/** Labels of a series, sorted by UTF-8. */
export function labelsOf(
  text: SeriesText,
  intern: (name: string, value: string) => Label,
): Label[] {
  const parts = restOf(text).split('\0')
  const labels: Label[] = []
  for (let i = 0; i + 1 < parts.length; i += 2) labels.push(intern(parts[i], parts[i + 1]))
  return labels
}
