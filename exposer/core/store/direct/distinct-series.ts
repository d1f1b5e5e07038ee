import { Unusual } from './label-texts.js'

/** Maximum number of probes, so that deliberate collisions gain nothing. */
const PROBES = 32

/**
 * Tells whether all series of a layout are different: pairs of a metric name and of labels, both as
 * numbers. It grows with the series, up to the limit of a layout.
 */
export class DistinctSeries {
  /** Index of a series plus one, by hash. */
  #slots = new Int32Array(2048)
  readonly #hashes: number[] = []
  readonly #names: number[] = []
  /** Labels of all series, and the end of those of each. */
  #labels = new Int32Array(4096)
  readonly #ends: number[] = []
  #end = 0

  get size(): number {
    return this.#ends.length
  }

  /**
   * @param name number of the metric name
   * @param labels numbers of the labels with a value, of which the first `count` are meant
   * @param hash of the labels
   * @returns false if there is such a series already
   */
  add(name: number, labels: Int32Array, count: number, hash: number): boolean {
    let mixed = Math.imul(hash ^ Math.imul(name + 1, 0x9e3779b1), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    mixed ^= mixed >>> 16
    const mask = this.#slots.length - 1
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = (mixed + probe) & mask
      const index = this.#slots[slot] - 1
      if (index < 0) {
        this.#push(mixed, name, labels, count)
        if (this.size * 2 < this.#slots.length) this.#slots[slot] = this.size
        else this.#grow()
        return true
      }
      if (this.#hashes[index] === mixed && this.#names[index] === name)
        if (this.#hasLabels(index, labels, count)) return false
    }
    throw new Unusual()
  }

  #hasLabels(index: number, labels: Int32Array, count: number): boolean {
    const from = index === 0 ? 0 : this.#ends[index - 1]
    if (this.#ends[index] - from !== count) return false
    for (let i = 0; i < count; i++) if (this.#labels[from + i] !== labels[i]) return false
    return true
  }

  #push(hash: number, name: number, labels: Int32Array, count: number): void {
    const end = this.#end + count
    if (end > this.#labels.length) {
      const larger = new Int32Array(Math.max(end, 2 * this.#labels.length))
      larger.set(this.#labels)
      this.#labels = larger
    }
    for (let i = 0; i < count; i++) this.#labels[this.#end + i] = labels[i]
    this.#end = end
    this.#ends.push(end)
    this.#hashes.push(hash)
    this.#names.push(name)
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 4)
    const mask = slots.length - 1
    for (let index = 0; index < this.#hashes.length; index++) {
      let probe = 0
      while (slots[(this.#hashes[index] + probe) & mask] !== 0)
        if (++probe === PROBES) throw new Unusual()
      slots[(this.#hashes[index] + probe) & mask] = index + 1
    }
    this.#slots = slots
  }
}
