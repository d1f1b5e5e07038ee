import { quote } from '../../../shared/base/quote.js'
import { compareUtf8 } from '../../../shared/metrics/labels.js'
import {
  SYMBOL_OK,
  SYMBOL_TOO_LONG,
  type WriteRequest,
} from '../../../shared/metrics/remote-write/request.js'
import { MAX_LABEL_BYTES } from '../../../shared/metrics/remote-write/writer.js'
import type { RefusedWrite } from './refused.js'

const NAME = '__name__'

export interface LabelLimits {
  /** Labels of one series. */
  readonly labels: number
  readonly nameBytes: number
}

/**
 * Judges the labels of series, and brings them into their canonical form: sorted, without empty
 * values, which are the same as no label. Some senders do not sort labels, vmagent for example.
 *
 * Most series have the label names of the one before them, so that only their values are looked at.
 */
export class SeriesLabels {
  /** The labels are those of the request from `from` to `to`, or else in an array of their own. */
  refs: Uint32Array = NO_REFS
  from = 0
  to = 0
  /** Why the series is refused. */
  reason: RefusedWrite = 'label'
  problem = ''
  /** By target label: reference of its value + 1, or 0 without one. */
  readonly target: Uint32Array
  #request!: WriteRequest
  /** Names of the last series whose names are valid, and sorted, and one of them `__name__`. */
  #names = new Uint32Array(128)
  #nameCount = 0
  /** By target label: its place among the names, or −1. */
  readonly #places: Int32Array
  #own = new Uint32Array(256)

  constructor(
    private readonly targetLabels: readonly string[],
    private readonly limits: LabelLimits,
  ) {
    this.target = new Uint32Array(targetLabels.length)
    this.#places = new Int32Array(targetLabels.length)
  }

  begin(request: WriteRequest): void {
    this.#request = request
    this.#nameCount = 0
  }

  /** @returns whether the series is valid: `refs`, `from`, `to` and `target` are set then */
  read(s: number): boolean {
    const { labelRefs, labelsFrom, symbols, symbolStates } = this.#request
    const from = labelsFrom[s]
    const to = labelsFrom[s + 1]
    if (to > from && to - from === 2 * this.#nameCount) {
      const names = this.#names
      let i = from
      let bytes = 0
      for (let n = 0; i < to; i += 2, n++) {
        const value = labelRefs[i + 1]
        const { length } = symbols[value]
        bytes += length
        if (labelRefs[i] !== names[n] || length === 0 || symbolStates[value] !== SYMBOL_OK) break
      }
      if (i >= to && bytes < USUAL_BYTES) {
        this.#use(labelRefs, from, to)
        return true
      }
    }
    return this.#readAny(from, to)
  }

  #use(refs: Uint32Array, from: number, to: number): void {
    this.refs = refs
    this.from = from
    this.to = to
    for (let t = 0; t < this.target.length; t++) {
      const place = this.#places[t]
      this.target[t] = place < 0 ? 0 : refs[from + 2 * place + 1] + 1
    }
  }

  #readAny(from: number, to: number): boolean {
    const { labelRefs, symbols } = this.#request
    this.#nameCount = 0
    let previous = ''
    let isCanonical = true
    for (let i = from; i < to; i += 2) {
      if (!this.#checkTexts(labelRefs[i], labelRefs[i + 1])) return false
      const name = symbols[labelRefs[i]]
      if (symbols[labelRefs[i + 1]] === '' || (i > from && compareUtf8(previous, name) >= 0))
        isCanonical = false
      previous = name
    }
    return isCanonical ? this.#accept(labelRefs, from, to) : this.#canonicalize(from, to)
  }

  #canonicalize(from: number, to: number): boolean {
    const { labelRefs, symbols } = this.#request
    const pairs: [name: string, nameRef: number, valueRef: number][] = []
    for (let i = from; i < to; i += 2) {
      const [name, value] = [labelRefs[i], labelRefs[i + 1]]
      if (symbols[value] !== '') pairs.push([symbols[name], name, value])
    }
    pairs.sort(([a], [b]) => compareUtf8(a, b))
    if (2 * pairs.length > this.#own.length) this.#own = new Uint32Array(4 * pairs.length)
    for (const [i, [name, nameRef, valueRef]] of pairs.entries()) {
      if (i > 0 && pairs[i - 1][0] === name)
        return this.#refuse('label', `has label ${quote(name)} twice; send it once`)
      this.#own[2 * i] = nameRef
      this.#own[2 * i + 1] = valueRef
    }
    return this.#accept(this.#own, 0, 2 * pairs.length)
  }

  /** @param refs of labels in their canonical form */
  #accept(refs: Uint32Array, from: number, to: number): boolean {
    const { symbols, symbolRanges } = this.#request
    const count = (to - from) / 2
    if (count > this.limits.labels)
      return this.#refuse(
        'limit',
        `has ${count} labels, over the limit of ${this.limits.labels}; send fewer, or raise --limit.labels`,
      )
    let bytes = 0
    let isNamed = false
    if (count > this.#names.length) this.#names = new Uint32Array(2 * count)
    this.#places.fill(-1)
    for (let n = 0; n < count; n++) {
      const ref = refs[from + 2 * n]
      const value = refs[from + 2 * n + 1]
      const name = symbols[ref]
      bytes += symbolRanges[2 * ref + 1] - symbolRanges[2 * ref]
      bytes += symbolRanges[2 * value + 1] - symbolRanges[2 * value]
      this.#names[n] = ref
      if (name === NAME) isNamed = true
      const target = this.targetLabels.indexOf(name)
      if (target >= 0) this.#places[target] = n
    }
    if (bytes > MAX_LABEL_BYTES / 2)
      return this.#refuse('limit', `has labels of ${bytes} bytes; shorten them`)
    if (!isNamed) return this.#refuse('name', 'has no metric name; add the label __name__')
    this.#use(refs, from, to)
    this.#nameCount = refs === this.#request.labelRefs ? count : 0
    return true
  }

  #checkTexts(nameRef: number, valueRef: number): boolean {
    const { symbols, symbolStates, symbolRanges } = this.#request
    if (symbolStates[nameRef] !== SYMBOL_OK) return this.#refuseText(symbolStates[nameRef], 'name')
    const name = symbols[nameRef]
    if (name === '') return this.#refuse('label', 'has a label without a name; name or remove it')
    const bytes = symbolRanges[2 * nameRef + 1] - symbolRanges[2 * nameRef]
    if (bytes > this.limits.nameBytes)
      return this.#refuse(
        'limit',
        `has a label name of ${bytes} bytes, over the limit of ${this.limits.nameBytes}; shorten it, or raise --limit.name-bytes`,
      )
    if (symbolStates[valueRef] === SYMBOL_OK) return true
    return this.#refuseText(symbolStates[valueRef], `value of label ${quote(name)}`)
  }

  #refuseText(state: number, what: string): boolean {
    return state === SYMBOL_TOO_LONG
      ? this.#refuse(
          'limit',
          `has a label ${what} that is too long; shorten it, or raise --limit.value-bytes`,
        )
      : this.#refuse('label', `has a label ${what} that is not UTF-8; encode it as UTF-8`)
  }

  #refuse(reason: RefusedWrite, problem: string): boolean {
    this.reason = reason
    this.problem = problem
    return false
  }
}

const NO_REFS = new Uint32Array(0)
/** Characters of values up to which the short way is taken. */
const USUAL_BYTES = 16 * 1024
