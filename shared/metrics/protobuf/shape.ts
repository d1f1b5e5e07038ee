import type { Family } from '../model.js'
import type { MetricDraft } from './draft.js'
import type { FamilyDraft, FamilyHead } from './family.js'

/**
 * All bytes of a body that determine its series: the labels of each metric, and the bounds of its
 * buckets or quantiles. Bodies with equal tapes and equal family heads have equal families.
 */
export class ShapeTape {
  #bytes: Buffer
  #view: DataView
  #length = 0

  constructor(size = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(size)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get size(): number {
    return this.#bytes.length
  }

  /** Appends a metric. */
  record(source: Buffer, draft: MetricDraft): void {
    const { labels, bounds } = draft
    let size = 8 + 8 * bounds.length
    for (let i = 0; i < labels.length; i += 2) size += 4 + labels[i + 1] - labels[i]
    this.#reserve(size)
    const view = this.#view
    let at = this.#length
    view.setInt32(at, labels.length)
    view.setInt32(at + 4, bounds.length * 2 + (draft.native ? 1 : 0))
    at += 8
    for (let i = 0; i < labels.length; i += 2) {
      const length = labels[i + 1] - labels[i]
      view.setInt32(at, length)
      source.copy(this.#bytes, at + 4, labels[i], labels[i + 1])
      at += 4 + length
    }
    for (const bound of bounds) {
      view.setFloat64(at, bound)
      at += 8
    }
    this.#length = at
  }

  /**
   * Compares a metric with the one that begins at a position of the tape.
   *
   * @returns where the next one begins, or -1 when they differ
   */
  match(position: number, source: Buffer, draft: MetricDraft): number {
    const { labels, bounds } = draft
    const bytes = this.#bytes
    const view = this.#view
    let at = position
    if (view.getInt32(at) !== labels.length) return -1
    if (view.getInt32(at + 4) !== bounds.length * 2 + (draft.native ? 1 : 0)) return -1
    at += 8
    for (let i = 0; i < labels.length; i += 2) {
      const from = labels[i]
      const to = labels[i + 1]
      if (view.getInt32(at) !== to - from) return -1
      at += 4
      for (let j = from; j < to; j++) if (source[j] !== bytes[at++]) return -1
    }
    for (let i = 0; i < bounds.length; i++) {
      if (!Object.is(view.getFloat64(at), bounds[i])) return -1
      at += 8
    }
    return at
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#length + size, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

/** State kept from one body to the next. */
export interface Shape {
  readonly heads: readonly FamilyHead[]
  /** Metrics of each family. */
  readonly counts: readonly number[]
  readonly tape: ShapeTape
  readonly families: readonly Family[]
  readonly series: number
}

/** Whether the family at an index has the same head and the same number of metrics. */
export function isFamilyAt({ heads, counts }: Shape, index: number, now: FamilyDraft): boolean {
  const { name, help, unit, kind } = heads[index]
  if (name !== now.name || kind !== now.kind || counts[index] !== now.metrics.length) return false
  return help === now.help && unit === now.unit
}
