import { quote } from '../base/quote.js'
import { runNow, type Steps } from '../base/steps.js'
import { sortLabels } from '../metrics/labels.js'
import type { Limits } from '../metrics/limits.js'
import type { Exemplar, Label } from '../metrics/model.js'
import type { BytesReader } from './bytes-reader.js'
import { RefusedError } from './errors.js'

/** Labels per step. An exemplar counts as some more. */
const LABELS_PER_STEP = 1000
const LABELS_PER_EXEMPLAR = 4

/** Bytes that are measured per step. */
const MEASURED_PER_STEP = 32 * 1024

/** What the exemplars of a record contain, counted without decoding them. */
export interface ExemplarsSize {
  readonly exemplars: number
  readonly labels: number
  /** Encoded bytes of names and values of all labels. */
  readonly text: number
}

/**
 * Counts the content of exemplars before they are read, because objects need up to fifty times the
 * memory of their bytes. The position of the input is unchanged.
 */
export function* measureExemplarsSteps(input: BytesReader, limits: Limits): Steps<ExemplarsSize> {
  const start = input.position
  let exemplars = 0
  let labels = 0
  let text = 0
  let stepEnd = start + MEASURED_PER_STEP
  for (;;) {
    const count = input.count(limits.samples, exemplars, 11, 'exemplars')
    if (count === 0) break
    exemplars += count
    for (let i = 0; i < count; i++) {
      input.long()
      for (let own = 0; ; ) {
        const inBlock = input.count(limits.labels, own, 2, 'exemplar labels')
        if (inBlock === 0) break
        own += inBlock
        labels += inBlock
        const from = input.position
        for (let l = 0; l < inBlock; l++) {
          input.skip(input.length(limits.nameBytes, "an exemplar label's name"))
          input.skip(input.length(limits.valueBytes, "an exemplar label's value"))
        }
        text += input.position - from
      }
      input.skip(8)
      if (input.option('the timestamp of an exemplar')) input.long()
      if (input.position < stepEnd) continue
      stepEnd = input.position + MEASURED_PER_STEP
      yield
    }
  }
  input.position = start
  return { exemplars, labels, text }
}

/**
 * @param input not used by others between the steps
 * @param series number of values, to which exemplars refer by index
 */
export function* readExemplarsSteps(
  input: BytesReader,
  series: number,
  limits: Limits,
): Steps<Exemplar[]> {
  const exemplars: Exemplar[] = []
  let work = 0
  for (;;) {
    // Index, empty map, double, no timestamp.
    const count = input.count(limits.samples, exemplars.length, 11, 'exemplars')
    if (count === 0) return exemplars
    for (let i = 0; i < count; i++) {
      const index = input.long()
      if (index < 0 || index >= series) {
        throw new RefusedError(
          'layout',
          `an exemplar refers to series ${index} of ${series}; use an index into values`,
        )
      }
      const labels = readExemplarLabels(input, limits)
      const value = input.double()
      const timestamp = input.option('the timestamp of an exemplar') ? input.long() : null
      exemplars.push({ series: index, labels, value, timestamp })
      work += LABELS_PER_EXEMPLAR + labels.length
      if (work < LABELS_PER_STEP) continue
      work = 0
      yield
    }
  }
}

/** As `measureExemplarsSteps`, at once. */
export function measureExemplars(input: BytesReader, limits: Limits): ExemplarsSize {
  return runNow(measureExemplarsSteps(input, limits))
}

/** As `readExemplarsSteps`, at once. */
export function readExemplars(input: BytesReader, series: number, limits: Limits): Exemplar[] {
  return runNow(readExemplarsSteps(input, series, limits))
}

/** Maximum characters of all labels of an exemplar together, as in OpenMetrics 1.0. */
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
  // A list that was pushed to has room for many more.
  return labels.length > 1 ? sortLabels(labels) : [labels[0]]
}

/** @param bytes encoded length, which is at least the number of characters */
function checkExemplarLabels(labels: readonly Label[], bytes: number): void {
  let names = ''
  const seen = new Set<string>()
  for (const { name, value } of labels) {
    if (name === '')
      throw new RefusedError('label', 'an exemplar has a label without a name; name it')
    if (seen.has(name))
      throw new RefusedError('label', `an exemplar has label ${quote(name)} twice; remove one`)
    seen.add(name)
    if (name.includes('\0') || value.includes('\0')) {
      throw new RefusedError(
        'label',
        `label ${quote(name)} of an exemplar contains a NUL byte; remove it`,
      )
    }
    names += name + value
  }
  if (bytes > EXEMPLAR_CHARACTERS && [...names].length > EXEMPLAR_CHARACTERS) {
    throw new RefusedError(
      'limit',
      `the labels of an exemplar together have more than ${EXEMPLAR_CHARACTERS} characters; shorten them`,
    )
  }
}
