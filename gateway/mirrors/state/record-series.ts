import type { Steps } from '../../../shared/base/steps.js'
import type { Label } from '../../../shared/metrics/model.js'
import type { WriteRequest } from '../../../shared/metrics/remote-write/request.js'
import type { MemoryBudget } from './budget.js'
import { RecordShapes } from './record-shapes.js'
import { KIND, kindOf } from './report-series.js'
import { SeriesTable } from './series-table.js'
import { nameOf, restOf, textOfSeries } from './series-text.js'

/** In place of the slot of a series that is new and has no room. */
export const REFUSED = -1
/** In place of the slot of a series without a valid name or labels. */
const INVALID = -2
/** In place of the slot of a series that is not known and has no samples: it is metadata. */
const UNKNOWN = -3

const SERIES_PER_STEP = 500

/** Finds the slots of the series of records of one target, and adds those that are new. */
export class RecordSeries {
  readonly #shapes = new RecordShapes()
  readonly #targetNames: ReadonlySet<string>
  /** Labels of the `up` that the scraper adds, as text; undefined before it has come. */
  #upRest: string | undefined

  /** @param target labels of the target */
  constructor(
    private readonly series: SeriesTable,
    target: readonly Label[],
    private readonly budget: MemoryBudget,
  ) {
    this.#targetNames = new Set(target.map(({ name }) => name))
  }

  /** Memory besides the series, bytes. */
  get bytes(): number {
    return this.#shapes.bytes
  }

  /** The slots of a record with the series of an earlier one; undefined for any other. */
  find(request: WriteRequest): Int32Array | undefined {
    return this.#shapes.find(request, this.series.generation)
  }

  /** The slots of the series of a record by their labels; negative for those that are refused. */
  *resolve(request: WriteRequest): Steps<Int32Array> {
    const { series } = this
    const { symbols, labelRefs, labelsFrom } = request
    const slots = new Int32Array(request.series)
    const { generation, size } = series
    const bytes = series.bytes
    let isWhole = true
    for (let s = 0; s < request.series; s++) {
      const range = { from: labelsFrom[s], to: labelsFrom[s + 1] }
      const text = textOfSeries(symbols, labelRefs, range, this.#targetNames)
      // What was added for this record is not accounted yet.
      const slot =
        text === undefined
          ? INVALID
          : (series.slotOf(text) ??
            (hasSamples(request, s) ? this.#add(text, series.bytes - bytes) : UNKNOWN))
      if (slot < 0) isWhole = false
      else
        series.describe(
          slot,
          request.types[s],
          symbols[request.helpRefs[s]] ?? '',
          symbols[request.unitRefs[s]] ?? '',
        )
      slots[s] = slot
      if (s % SERIES_PER_STEP === SERIES_PER_STEP - 1) yield
    }
    // The first record is not kept: what comes once only would take memory for nothing.
    if (isWhole && size > 0) this.#shapes.add(request, slots, generation)
    return slots
  }

  #add(text: string, unaccounted: number): number {
    if (!this.budget.hasRoom(unaccounted + SeriesTable.bytesOf(text))) return REFUSED
    const slot = this.series.add(text)
    this.#classify(slot, text)
    return slot
  }

  /**
   * Tells the series that the scraper adds from those of the application with the same names. Those
   * of the scraper have no other labels than the target and the external labels, so the `up` with
   * the fewest labels is the scraper's.
   */
  #classify(slot: number, text: string): void {
    const { series } = this
    if (series.kinds[slot] === KIND.ordinary) return
    const rest = restOf(text)
    if (series.kinds[slot] === KIND.up && isFewer(rest, this.#upRest)) {
      this.#upRest = rest
      for (let other = 0; other < series.length; other++) this.#classifyBy(other, rest)
    } else if (this.#upRest !== undefined) this.#classifyBy(slot, this.#upRest)
  }

  #classifyBy(slot: number, upRest: string): void {
    const text = this.series.textOf(slot)
    if (text === undefined) return
    const kind = kindOf(nameOf(text))
    if (kind !== KIND.ordinary)
      this.series.setKind(slot, restOf(text) === upRest ? kind : KIND.ordinary)
  }
}

/** Whether a series has samples or native histograms. */
const hasSamples = ({ samplesFrom, histogramsFrom }: WriteRequest, s: number): boolean =>
  samplesFrom[s + 1] > samplesFrom[s] || histogramsFrom[s + 1] > histogramsFrom[s]

/** Whether a text has fewer labels than another one, or comes first. */
function isFewer(rest: string, than: string | undefined): boolean {
  if (than === undefined) return true
  const labels = rest.split('\0').length - than.split('\0').length
  return labels < 0 || (labels === 0 && rest < than)
}
