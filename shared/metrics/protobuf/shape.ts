import type { Family } from '../model.js'
import type { MetricDraft } from './draft.js'
import type { FamilyDraft, FamilyHead } from './family.js'

/**
 * All of a body that its families are made of, as one run of bytes: the labels of each metric, and
 * the bounds of its buckets or quantiles. Bodies whose runs are equal have equal families.
 */
export class ShapeTape {
  #bytes: Buffer
  #view: DataView
  #at = 0

  constructor(size = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(size)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get size(): number {
    return this.#bytes.length
  }

  rewind(): void {
    this.#at = 0
  }

  /** Writes what is of a metric, at the end. */
  record(source: Buffer, draft: MetricDraft): void {
    const { labels, bounds } = draft
    let size = 8 + 8 * bounds.length
    for (let i = 0; i < labels.length; i += 2) size += 4 + labels[i + 1] - labels[i]
    this.#reserve(size)
    this.#view.setInt32(this.#at, labels.length)
    this.#view.setInt32(this.#at + 4, bounds.length * 2 + (draft.native ? 1 : 0))
    this.#at += 8
    for (let i = 0; i < labels.length; i += 2) {
      const length = labels[i + 1] - labels[i]
      this.#view.setInt32(this.#at, length)
      source.copy(this.#bytes, this.#at + 4, labels[i], labels[i + 1])
      this.#at += 4 + length
    }
    for (const bound of bounds) {
      this.#view.setFloat64(this.#at, bound)
      this.#at += 8
    }
  }

  /** Whether the next metric on the tape is this one. Goes to the one after it. */
  matches(source: Buffer, draft: MetricDraft): boolean {
    const { labels, bounds } = draft
    const bytes = this.#bytes
    const view = this.#view
    let at = this.#at
    if (view.getInt32(at) !== labels.length) return false
    if (view.getInt32(at + 4) !== bounds.length * 2 + (draft.native ? 1 : 0)) return false
    at += 8
    for (let i = 0; i < labels.length; i += 2) {
      const from = labels[i]
      const to = labels[i + 1]
      if (view.getInt32(at) !== to - from) return false
      at += 4
      for (let j = from; j < to; j++) if (source[j] !== bytes[at++]) return false
    }
    for (let i = 0; i < bounds.length; i++) {
      if (!Object.is(view.getFloat64(at), bounds[i])) return false
      at += 8
    }
    this.#at = at
    return true
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#at + size, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

/** What is kept of a body until the next. */
export interface Shape {
  readonly heads: readonly FamilyHead[]
  /** Metrics of each family. */
  readonly counts: readonly number[]
  readonly tape: ShapeTape
  readonly families: readonly Family[]
  readonly series: number
}

/** Whether the family at an index is the same but for its metrics, and has as many. */
export function isFamilyAt({ heads, counts }: Shape, index: number, now: FamilyDraft): boolean {
  const { name, help, unit, kind } = heads[index]
  if (name !== now.name || kind !== now.kind || counts[index] !== now.metrics.length) return false
  return help === now.help && unit === now.unit
}
