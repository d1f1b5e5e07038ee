/**
 * Why series or samples were not written, as a label value of a counter.
 *
 * - `malformed`: the request cannot be decoded
 * - `limit`: a limit is exceeded
 * - `name`: a series without a metric name
 * - `label`: a label without a name, a label twice, or a text that is not UTF-8
 * - `target`: a label of the target has a NUL byte
 * - `empty`: a series of protocol 2.0 without samples, histograms and exemplars
 * - `clock`: a time that is too far ahead of log time
 * - `broker`: the brokers refuse the record
 */
export const REFUSED_WRITES = [
  'malformed',
  'limit',
  'name',
  'label',
  'target',
  'empty',
  'clock',
  'broker',
] as const
export type RefusedWrite = (typeof REFUSED_WRITES)[number]

/** Reasons of a request, and how many samples each has cost. */
export class RefusedItems {
  readonly #counts = new Map<RefusedWrite, number>()
  readonly #examples: string[] = []
  #series = 0

  /** Samples, histograms and exemplars that were not written. */
  get items(): ReadonlyMap<RefusedWrite, number> {
    return this.#counts
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0
  }

  /** @param items samples, histograms and exemplars; @param problem with what to do, without a stop */
  add(reason: RefusedWrite, items: number, problem: () => string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + items)
    this.#series++
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push(problem().slice(0, MAX_LENGTH))
  }

  /** One line for the sender's log. */
  get message(): string {
    let items = 0
    for (const count of this.#counts.values()) items += count
    const others = this.#series - this.#examples.length
    const more = others > 0 ? `; and ${others} more` : ''
    return `${items} samples were not written: ${this.#examples.join('; ')}${more}`
  }
}

const MAX_EXAMPLES = 3
const MAX_LENGTH = 400
