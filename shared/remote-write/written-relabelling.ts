import type { Steps } from '../base/steps.js'
import type { LabelMap } from '../metrics/relabel/relabel.js'
import type { WriteRequest } from '../metrics/remote-write/request.js'
import { sorted } from './relabelled-table.js'
import { type Relabelling, RelabelWork } from './relabelling.js'

/** Name, value, … of a series, sorted by name; null if it is dropped. */
type Labels = readonly string[] | typeof UNCHANGED | null

const UNCHANGED = 'unchanged'
const SEPARATOR = '\0'
/** Estimated bytes of an entry and of a text besides its characters. */
const ENTRY_BYTES = 150
const TEXT_BYTES = 24

/** What relabelling changes of a request. */
export type RelabelledRequest = Pick<WriteRequest, 'symbols' | 'labelRefs' | 'labelsFrom'>

function charactersOf({ symbols, labelRefs, labelsFrom }: WriteRequest, s: number): number {
  let characters = 0
  for (let k = labelsFrom[s]; k < labelsFrom[s + 1]; k++) characters += symbols[labelRefs[k]].length
  return characters
}

/**
 * Relabels the series of requests that were received. Most have the labels of an earlier one: what
 * became of label sets is kept, within a number of bytes.
 */
export class WrittenRelabelling {
  /** When the first one has half of the bytes it becomes the second one, which is forgotten. */
  #recent = new Map<string, Labels>()
  #older = new Map<string, Labels>()
  #recentBytes = 0
  #olderBytes = 0

  constructor(
    private readonly relabelling: Relabelling,
    private readonly maxBytes: number,
  ) {}

  /** Estimated bytes of what is kept. */
  get bytes(): number {
    return this.#recentBytes + this.#olderBytes
  }

  /**
   * Finds the indexes of the series that are sent, ascending; null for all. In steps, in which the
   * request must stay valid.
   */
  *keptSteps(request: WriteRequest): Steps<Uint32Array | null> {
    const kept: number[] = []
    const work = new RelabelWork()
    for (let s = 0; s < request.series; s++) {
      if (this.#labelsOf(request, s) !== null) kept.push(s)
      if (work.add(charactersOf(request, s))) yield
    }
    return kept.length === request.series ? null : Uint32Array.from(kept)
  }

  /**
   * The labels of a request after relabelling: only those of series `from` to `to` (exclusive), and
   * of them only those that are sent. In steps, in which the request must stay valid.
   */
  *relabelledSteps(request: WriteRequest, from: number, to: number): Steps<RelabelledRequest> {
    const symbols = [...request.symbols]
    const work = new RelabelWork()
    const added = new Map<string, number>()
    const refOf = (text: string) => {
      const ref = added.get(text) ?? symbols.push(text) - 1
      added.set(text, ref)
      return ref
    }
    const labelRefs: number[] = []
    const labelsFrom = new Uint32Array(request.series + 1)
    for (let s = from; s < to; s++) {
      const labels = this.#labelsOf(request, s)
      if (labels === UNCHANGED) {
        for (let k = request.labelsFrom[s]; k < request.labelsFrom[s + 1]; k++)
          labelRefs.push(request.labelRefs[k])
      } else for (const text of labels ?? []) labelRefs.push(refOf(text))
      labelsFrom[s + 1] = labelRefs.length
      if (work.add(charactersOf(request, s))) yield
    }
    return { symbols, labelRefs: Uint32Array.from(labelRefs), labelsFrom }
  }

  #labelsOf(request: WriteRequest, s: number): Labels {
    const { symbols, labelRefs, labelsFrom } = request
    const texts: string[] = []
    for (let k = labelsFrom[s]; k < labelsFrom[s + 1]; k++) texts.push(symbols[labelRefs[k]])
    // Else two label sets might have one key.
    if (texts.some(text => text.includes(SEPARATOR))) return this.#relabel(texts)
    const key = texts.join(SEPARATOR)
    let labels = this.#recent.get(key)
    if (labels !== undefined) return labels
    labels = this.#older.get(key)
    if (labels === undefined) labels = this.#relabel(texts)
    this.#keep(key, labels)
    return labels
  }

  #relabel(texts: readonly string[]): Labels {
    const labels: LabelMap = new Map()
    for (let i = 0; i < texts.length; i += 2)
      if (texts[i + 1] !== '') labels.set(texts[i], texts[i + 1])
    if (!this.relabelling.apply(labels)) return null
    const result = sorted(labels).flat()
    const isEqual = result.length === texts.length && result.every((text, i) => text === texts[i])
    return isEqual ? UNCHANGED : result
  }

  #keep(key: string, labels: Labels): void {
    let bytes = ENTRY_BYTES + key.length
    if (labels !== null && labels !== UNCHANGED)
      for (const { length } of labels) bytes += TEXT_BYTES + length
    if (this.#recentBytes + bytes > this.maxBytes / 2) {
      this.#older = this.#recent
      this.#olderBytes = this.#recentBytes
      this.#recent = new Map()
      this.#recentBytes = 0
    }
    this.#recent.set(key, labels)
    this.#recentBytes += bytes
  }
}
