import { quote } from '../base/quote.js'
import { sortLabels } from '../metrics/labels.js'
import type { Limits } from '../metrics/limits.js'
import type { Exemplar, Label } from '../metrics/model.js'
import type { BytesReader } from './bytes-reader.js'
import { RefusedError } from './errors.js'

/** @param series how many values there are: an exemplar names one of them */
export function readExemplars(input: BytesReader, series: number, limits: Limits): Exemplar[] {
  const exemplars: Exemplar[] = []
  for (;;) {
    // Index, an empty map, a double, no timestamp.
    const count = input.count(limits.samples, exemplars.length, 11, 'exemplars')
    if (count === 0) return exemplars
    for (let i = 0; i < count; i++) {
      const index = input.long()
      if (index < 0 || index >= series) {
        throw new RefusedError('layout', `an exemplar names series ${index} of ${series}`)
      }
      const labels = readExemplarLabels(input, limits)
      const value = input.double()
      const timestamp = input.option('the timestamp of an exemplar') ? input.long() : null
      exemplars.push({ series: index, labels, value, timestamp })
    }
  }
}

/** All characters of an exemplar's labels together, as OpenMetrics 1.0 limits them. */
const EXEMPLAR_CHARACTERS = 128

function readExemplarLabels(input: BytesReader, limits: Limits): readonly Label[] {
  const labels: Label[] = []
  let bytes = 0
  for (;;) {
    const count = input.count(limits.labels, labels.length, 2, 'exemplar labels')
    if (count === 0) break
    for (let i = 0; i < count; i++) {
      const start = input.position
      const name = input.string(limits.nameBytes, "an exemplar label's name")
      labels.push({ name, value: input.string(limits.valueBytes, "an exemplar label's value") })
      bytes += input.position - start
    }
  }
  if (labels.length === 0) return labels
  checkExemplarLabels(labels, bytes)
  return labels.length > 1 ? sortLabels(labels) : labels
}

/** @param bytes what they took, which is more than they have characters */
function checkExemplarLabels(labels: readonly Label[], bytes: number): void {
  let names = ''
  const seen = new Set<string>()
  for (const { name, value } of labels) {
    if (name === '') throw new RefusedError('label', 'an exemplar has a label without a name')
    if (seen.has(name)) throw new RefusedError('label', `an exemplar has label ${quote(name)} twice`)
    seen.add(name)
    if (name.includes('\0') || value.includes('\0')) {
      throw new RefusedError('label', `label ${quote(name)} of an exemplar contains a NUL byte; remove it`)
    }
    names += name + value
  }
  if (bytes > EXEMPLAR_CHARACTERS && [...names].length > EXEMPLAR_CHARACTERS) {
    throw new RefusedError(
      'limit',
      `the labels of an exemplar have more than ${EXEMPLAR_CHARACTERS} characters together; shorten them`,
    )
  }
}
