import { MirrorLayout } from './mirror-layout.js'
import { KIND } from './report-series.js'
import type { SeriesTable } from './series-table.js'

export interface LayoutWithSlots {
  readonly layout: MirrorLayout
  /** In the order of `layout.texts`. */
  readonly slots: Int32Array
}

/** The layout of the series that have a value: the same object while they are the same. */
export class PresentLayout {
  #current: LayoutWithSlots | undefined
  #version = -1
  #described = -1
  #generation = -1

  constructor(private readonly series: SeriesTable) {}

  now(): LayoutWithSlots {
    const { version, described, generation } = this.series
    const isCurrent = described === this.#described && generation === this.#generation
    if (this.#current && isCurrent && version === this.#version) return this.#current
    const slots = this.#presentSlots()
    if (!this.#current || !isCurrent || !areSame(slots, this.#current.slots)) {
      const texts = Array.from(slots, slot => this.series.textOf(slot)!)
      const metadata = Array.from(slots, slot => this.series.metadataOf(slot))
      this.#current = { layout: new MirrorLayout(texts, metadata), slots }
    }
    this.#version = version
    this.#described = described
    this.#generation = generation
    return this.#current
  }

  #presentSlots(): Int32Array {
    const { present, kinds, length } = this.series
    const slots = new Int32Array(length)
    let count = 0
    for (let slot = 0; slot < length; slot++)
      if (present[slot] === 1 && kinds[slot] === KIND.ordinary) slots[count++] = slot
    return slots.slice(0, count)
  }
}

function areSame(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
