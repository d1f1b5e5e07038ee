/** Bytes of a value, which stand between two gaps. */
export const VALUE_BYTES = 8

/**
 * What a message holds between the values of two series, in symbols: bytes, or numbers above 255
 * for what differs from message to message.
 */
export type Gap = Uint16Array

/** A copy of the earlier message, or literals. */
export interface Element {
  readonly at: number
  readonly length: number
  /** Distance of a copy, bytes; `FROM_TARGET_BEFORE`; 0 for literals. */
  readonly offset: number
}

/** The offset of a copy of what the target before has at the same place. */
export const FROM_TARGET_BEFORE = -1

/** Stands for a byte of a value, which equals nothing. */
const VALUE = 0xffff
const HASH_BITS = 12
/** Earlier places that are compared. */
const MAX_TRIES = 32
const WINDOW = 65_535
const LEAST_COPY = 4
const SHORT_COPY = 11
const LONG_COPY = 64
/** Offsets below have a shorter form. */
const NEAR = 2048
/** Bytes that a copy at the end of a gap saves, because it goes on in the value. */
const END_SAVES = 3

/**
 * Finds elements with few bytes for the gaps of a table, one after the other. It is used for some
 * thousand gaps and dropped.
 */
export class GapParser {
  #stream = new Uint16Array(16 * 1024)
  #previous = new Int32Array(16 * 1024)
  readonly #heads = new Int32Array(1 << HASH_BITS).fill(-1)
  #length = 0
  #start = 0
  /** Least bytes from each symbol of the gap on: after a copy, and within literals. */
  #costs = new Float64Array(1024)
  #literalCosts = new Float64Array(1024)
  /** The copy with which that is reached; length 0 for a literal. */
  #lengths = new Uint16Array(1024)
  #offsets = new Int32Array(1024)
  #literalLengths = new Uint16Array(1024)

  /** Symbols that were added, with those of values. */
  get symbols(): number {
    return this.#length
  }

  /** Adds a gap and the value after it. The elements of `parse` are those of this gap. */
  add(gap: Gap): void {
    const end = this.#length + gap.length + VALUE_BYTES
    if (end > this.#stream.length) {
      const stream = new Uint16Array(2 * end)
      stream.set(this.#stream)
      this.#stream = stream
      const previous = new Int32Array(2 * end)
      previous.set(this.#previous)
      this.#previous = previous
    }
    this.#start = this.#length
    this.#stream.set(gap, this.#length)
    this.#length += gap.length
    this.#stream.fill(VALUE, this.#length, end)
    this.#length = end
    for (let at = this.#start; at + LEAST_COPY <= end - VALUE_BYTES; at++) {
      const hash = this.#hash(at)
      this.#previous[at] = this.#heads[hash]
      this.#heads[hash] = at
    }
  }

  /**
   * @param farSymbols symbols below are the same in the target before; 0 without one
   * @param reach distance of copies at most, bytes
   */
  parse(farSymbols: number, reach = WINDOW): Element[] {
    const stream = this.#stream
    const start = this.#start
    const n = this.#length - VALUE_BYTES - start
    this.#reserve(n + 1)
    const costs = this.#costs
    const literalCosts = this.#literalCosts
    costs[n] = literalCosts[n] = END_SAVES
    let far = 0
    let longest = 0
    let longestOffset = 0
    for (let i = n - 1; i >= 0; i--) {
      const at = start + i
      let cost = Number.POSITIVE_INFINITY
      let bestLength = 0
      let bestOffset = 0
      const consider = (length: number, offset: number) => {
        for (let most = LONG_COPY; ; most = SHORT_COPY) {
          const used = length < most ? length : most
          const own = offset > 0 && offset < NEAR && used <= SHORT_COPY ? 2 : 3
          const saved =
            i + used === n && (offset < 0 || stream[at + used - offset] === VALUE) ? END_SAVES : 0
          const total = own + costs[i + used] - saved
          if (total < cost) {
            cost = total
            bestLength = used
            bestOffset = offset
          }
          if (most === SHORT_COPY || length <= SHORT_COPY) return
        }
      }
      far = stream[at] < farSymbols ? far + 1 : 0
      if (far >= LEAST_COPY) consider(far, -1)
      // The best match of the symbol behind is often longer by this one.
      longest = longest > 0 && stream[at] === stream[at - longestOffset] ? longest + 1 : 0
      if (longest >= LEAST_COPY) consider(longest, longestOffset)
      // No copy is longer: a search of what repeats itself would compare every symbol many times.
      if (i + LEAST_COPY <= n && longest < LONG_COPY) {
        const most = Math.min(n - i, LONG_COPY)
        let from = this.#previous[at]
        for (let tries = 0; from >= 0 && at - from <= reach && tries < MAX_TRIES; tries++) {
          let length = 0
          while (length < most && stream[from + length] === stream[at + length]) length++
          if (length >= LEAST_COPY) {
            consider(length, at - from)
            if (length > longest) {
              longest = length
              longestOffset = at - from
            }
            if (length === LONG_COPY) break
          }
          from = this.#previous[from]
        }
      }
      const literal = literalCosts[i + 1] + 1
      const fresh = literalCosts[i + 1] + 2
      costs[i] = Math.min(cost, fresh)
      literalCosts[i] = Math.min(cost, literal)
      this.#lengths[i] = cost <= fresh ? bestLength : 0
      this.#literalLengths[i] = cost <= literal ? bestLength : 0
      this.#offsets[i] = bestOffset
    }
    return this.#elements(n)
  }

  #elements(n: number): Element[] {
    const elements: Element[] = []
    let lengths = this.#lengths
    for (let at = 0; at < n; ) {
      const length = lengths[at]
      const offset = length > 0 ? this.#offsets[at] : 0
      const used = length || 1
      const last = elements[elements.length - 1]
      if (last && last.offset === offset)
        elements[elements.length - 1] = { ...last, length: last.length + used }
      else elements.push({ at, length: used, offset })
      at += used
      lengths = length > 0 ? this.#lengths : this.#literalLengths
    }
    return elements
  }

  #hash(at: number): number {
    const stream = this.#stream
    const mixed =
      stream[at] ^ (stream[at + 1] << 5) ^ (stream[at + 2] << 10) ^ (stream[at + 3] << 15)
    return Math.imul(mixed, 0x1e35a7bd) >>> (32 - HASH_BITS)
  }

  #reserve(size: number): void {
    if (size <= this.#costs.length) return
    this.#costs = new Float64Array(2 * size)
    this.#literalCosts = new Float64Array(2 * size)
    this.#lengths = new Uint16Array(2 * size)
    this.#literalLengths = new Uint16Array(2 * size)
    this.#offsets = new Int32Array(2 * size)
  }
}
