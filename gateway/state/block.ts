import { flatCopy } from '../../shared/exposition/layout-text.js'
import { numberText } from '../../shared/metrics/number-text.js'
import { SeriesLookup } from './series-lookup.js'
import type { PushedFamily, PushedType } from './types.js'
import type { HeldFamily } from './view.js'

/** Samples whose lines are made in one go when they are exposed. */
const MAX_AT_ONCE = 2000

/** What a block is besides the family that was pushed. */
export interface BlockPlace {
  /** Log time of the push, Unix ms. */
  readonly pushedAt: number
  /**
   * Orders the blocks of a family name: where two are in conflict, the lower one is exposed. The
   * offset of the record since which the push group has had this family with this type.
   */
  readonly since: number
  /** Whether all names are in the legacy character set. */
  readonly isLegacy: boolean
  /** Samples of an unchecked push that are left out, because their series occurred before in it. */
  readonly repeats: number
}

/**
 * A family of a push group. Its lines are made when they are exposed first. From then on the texts
 * of its series are taken from them: both would need twice the memory.
 */
export class Block implements HeldFamily {
  readonly name: string
  readonly type: PushedType
  readonly help: string
  readonly values: Float64Array
  readonly pushedAt: number
  readonly since: number
  readonly isLegacy: boolean
  readonly repeats: number
  readonly #seriesBytes: number
  /** Undefined once there are lines. */
  #series: string | undefined
  #lines: string | undefined
  #lookup: SeriesLookup | undefined

  /** @param before the block that it replaces: equal texts are shared */
  constructor(family: PushedFamily, place: BlockPlace, before?: Block) {
    this.name = before?.name === family.name ? before.name : family.name
    this.type = family.type
    this.help = before?.help === family.help ? before.help : family.help
    this.#series = family.series
    this.#seriesBytes = family.series.length
    this.values = family.values
    this.pushedAt = place.pushedAt
    this.since = place.since
    this.isLegacy = place.isLegacy
    this.repeats = place.repeats
  }

  /** As in `PushedFamily`. */
  get series(): string {
    return this.#series ?? seriesOfLines(this.#lines!)
  }

  /** Length of the texts of the series. */
  get seriesBytes(): number {
    return this.#seriesBytes
  }

  get samples(): number {
    return this.values.length
  }

  /** Whether it has a series. */
  has(text: string): boolean {
    this.#lookup ??= new SeriesLookup(this.series, this.samples)
    return this.#lookup.has(text)
  }

  /** Whether `lines` takes well under a millisecond. */
  get isQuick(): boolean {
    return this.#lines !== undefined || this.samples <= MAX_AT_ONCE
  }

  get lines(): string {
    if (this.#lines === undefined) for (const _ of this.prepare()) void _
    return this.#lines!
  }

  /** Makes the lines; at each pause the event loop can be yielded. */
  *prepare(): Generator<undefined> {
    if (this.#lines !== undefined) return
    const { series, values } = this
    const parts: string[] = []
    let lines = ''
    let from = 0
    for (let i = 0; i < values.length; i++) {
      const to = series.indexOf('\n', from)
      lines += `${series.slice(from, to)} ${numberText(values[i])}\n`
      from = to + 1
      if ((i + 1) % MAX_AT_ONCE === 0) {
        parts.push(flatCopy(lines))
        lines = ''
        yield
      }
    }
    this.#lines = parts.length === 0 ? flatCopy(lines) : yield* joined([...parts, lines])
    this.#series = undefined
  }
}

function* joined(parts: readonly string[]): Generator<undefined, string> {
  const buffer = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    at += buffer.write(part, at, 'latin1')
    yield
  }
  return buffer.toString('latin1')
}

function seriesOfLines(lines: string): string {
  let series = ''
  for (let from = 0; from < lines.length; ) {
    const end = lines.indexOf('\n', from)
    series += `${lines.slice(from, lines.lastIndexOf(' ', end))}\n`
    from = end + 1
  }
  return flatCopy(series)
}

/** Objects, map entries and string headers of a block and of a push group, bytes. */
const BLOCK_OVERHEAD = 480
export const GROUP_OVERHEAD = 900

/** Estimate of the memory, with its lines. */
export const blockBytes = ({ seriesBytes, samples, help, name }: Block) =>
  BLOCK_OVERHEAD + seriesBytes + 30 * samples + 2 * (help.length + name.length)
