import type { Steps } from '../../../shared/base/steps.js'
import type { Label } from '../../../shared/metrics/model.js'
import type { WriteRequest } from '../../../shared/metrics/remote-write/request.js'
import { targetKey } from '../../../shared/snapshot/key.js'
import type { RefusedItems, RefusedWrite } from './refused.js'
import type { SeriesLabels } from './series-labels.js'

/** The job of series without one. */
const DEFAULT_JOB = 'remote_write'
const JOB = 'job'
const SERIES_PER_STEP = 500
/** Longest description of a series in a message. */
const MAX_DESCRIPTION = 200

/** The series of one target in a request, in their order: a list that begins with `first`. */
export interface TargetSeries {
  readonly key: Buffer
  first: number
  last: number
}

/** Finds out which target each series of a request belongs to. */
export class TargetSplit {
  readonly targets: TargetSeries[] = []
  /** By series: the next one of the same target, or −1. */
  next = new Int32Array(256)
  /** By series: whether its labels are canonical as they were sent. */
  isCanonical = new Uint8Array(256)
  readonly #byKey = new Map<string, TargetSeries>()
  #last: TargetSeries | undefined
  readonly #lastLabels: Uint32Array

  constructor(
    private readonly targetLabels: readonly string[],
    private readonly labels: SeriesLabels,
  ) {
    this.#lastLabels = new Uint32Array(targetLabels.length)
  }

  /** Judges all series, and files the valid ones. Refused ones are added to `refused`. */
  *split(request: WriteRequest, refused: RefusedItems): Steps<void> {
    const { labels } = this
    const { series, labelRefs, protocol } = request
    this.#begin(series)
    labels.begin(request)
    for (let s = 0; s < series; s++) {
      if (s % SERIES_PER_STEP === SERIES_PER_STEP - 1) yield
      if (isEmpty(request, s)) {
        // In protocol 1.0 such a series is nothing that could be written.
        if (protocol === '2.0') this.#refuse(request, s, refused, 'empty', NOTHING)
        continue
      }
      if (!labels.read(s)) {
        this.#refuse(request, s, refused, labels.reason, labels.problem)
        continue
      }
      const target = this.#targetOf(request)
      if (!target) {
        this.#refuse(request, s, refused, 'target', NUL)
        continue
      }
      this.isCanonical[s] = labels.refs === labelRefs ? 1 : 0
      this.next[s] = -1
      if (target.last >= 0) this.next[target.last] = s
      else target.first = s
      target.last = s
    }
  }

  /** The target of what has no labels of a target. */
  unlabelled(): TargetSeries {
    return this.#target(targetKey([{ name: JOB, value: DEFAULT_JOB }]))
  }

  #begin(series: number): void {
    this.targets.length = 0
    this.#byKey.clear()
    this.#last = undefined
    if (series > this.next.length || this.next.length > 64 * (series + 1024)) {
      this.next = new Int32Array(2 * series)
      this.isCanonical = new Uint8Array(2 * series)
    }
  }

  /** @returns undefined if the target cannot have a key */
  #targetOf({ symbols }: WriteRequest): TargetSeries | undefined {
    const { target } = this.labels
    const last = this.#lastLabels
    if (this.#last) {
      let t = 0
      while (t < target.length && target[t] === last[t]) t++
      if (t === target.length) return this.#last
    }
    const list: Label[] = []
    for (let t = 0; t < target.length; t++) {
      if (target[t] === 0) continue
      const value = symbols[target[t] - 1]
      if (value.includes('\0')) return undefined
      list.push({ name: this.targetLabels[t], value })
    }
    if (!list.some(({ name }) => name === JOB)) list.push({ name: JOB, value: DEFAULT_JOB })
    last.set(target)
    this.#last = this.#target(targetKey(list))
    return this.#last
  }

  #target(key: Buffer): TargetSeries {
    const text = key.toString('latin1')
    let target = this.#byKey.get(text)
    if (!target) {
      target = { key, first: -1, last: -1 }
      this.#byKey.set(text, target)
      this.targets.push(target)
    }
    return target
  }

  #refuse(
    request: WriteRequest,
    s: number,
    refused: RefusedItems,
    reason: RefusedWrite,
    problem: string,
  ): void {
    refused.add(reason, itemsOf(request, s), () => `series ${describe(request, s)} ${problem}`)
  }
}

const NOTHING = 'has no samples, histograms or exemplars; send one'
const NUL = 'has a NUL byte in a label of its target; remove it'

const itemsOf = (request: WriteRequest, s: number): number => {
  const { samplesFrom, histogramsFrom, exemplarsFrom } = request
  return (
    samplesFrom[s + 1] -
    samplesFrom[s] +
    (histogramsFrom[s + 1] - histogramsFrom[s]) +
    (exemplarsFrom[s + 1] - exemplarsFrom[s])
  )
}

const isEmpty = (request: WriteRequest, s: number): boolean => itemsOf(request, s) === 0

/** The beginning of the labels as PromQL writes them. */
function describe({ symbols, labelRefs, labelsFrom }: WriteRequest, s: number): string {
  let text = ''
  for (let i = labelsFrom[s]; i < labelsFrom[s + 1] && text.length < MAX_DESCRIPTION; i += 2) {
    const value = symbols[labelRefs[i + 1]].slice(0, MAX_DESCRIPTION)
    text += `${i > labelsFrom[s] ? ', ' : ''}${symbols[labelRefs[i]].slice(0, MAX_DESCRIPTION)}=${JSON.stringify(value)}`
  }
  return `{${text.slice(0, MAX_DESCRIPTION)}}`
}
