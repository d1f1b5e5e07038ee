import type { Limits } from '../metrics/limits.js'
import type { Label } from '../metrics/model.js'
import type { BytesReader } from './bytes-reader.js'

/** Maximum number of probes. Labels with colliding hashes are decoded again, as without a table. */
const PROBES = 8
/** Maximum number of labels in the table, so that enlarging it does not take long. */
const MAX_LABELS = 32 * 1024

/**
 * Reads labels and returns the same object for the same bytes. The series of a layout repeat their
 * labels, so most of them need neither decoding nor memory.
 */
export class LabelTable {
  /** Index of a label plus one, by the hash of its bytes. */
  #slots = new Int32Array(256)
  readonly #hashes: number[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  readonly #labels: Label[] = []
  /** Labels of the preceding series, by position. */
  readonly #previous: number[] = []

  constructor(
    private readonly input: BytesReader,
    private readonly limits: Limits,
  ) {}

  /**
   * @param place position of the label in its series: the label of the preceding series at that
   * position is compared first
   */
  read(place: number): Label {
    const { input, limits } = this
    const start = input.position
    input.skip(input.length(limits.nameBytes, "a label's name"))
    input.skip(input.length(limits.valueBytes, "a label's value"))
    const end = input.position
    const previous = this.#previous[place]
    if (previous !== undefined && this.#same(previous, start, end)) return this.#labels[previous]
    const hash = this.#hash(start, end)
    const known = this.#find(hash, start, end)
    if (known < 0 && this.#labels.length >= MAX_LABELS) return this.#decode(start)
    const index = known < 0 ? this.#add(hash, start, end) : known
    this.#previous[place] = index
    return this.#labels[index]
  }

  #hash(start: number, end: number): number {
    const { buffer } = this.input
    let hash = 0x811c9dc5
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ buffer[at], 0x01000193)
    return hash ^ (hash >>> 15)
  }

  /** @returns −1 if the label is not in the table */
  #find(hash: number, start: number, end: number): number {
    const mask = this.#slots.length - 1
    for (let probe = 0; probe < PROBES; probe++) {
      const index = this.#slots[(hash + probe) & mask] - 1
      if (index < 0) break
      if (this.#hashes[index] === hash && this.#same(index, start, end)) return index
    }
    return -1
  }

  #decode(start: number): Label {
    const { input, limits } = this
    input.position = start
    const name = input.string(limits.nameBytes, "a label's name")
    return { name, value: input.string(limits.valueBytes, `the value of label ${name}`) }
  }

  #add(hash: number, start: number, end: number): number {
    const index = this.#labels.length
    this.#labels.push(this.#decode(start))
    this.#hashes.push(hash)
    this.#starts.push(start)
    this.#ends.push(end)
    if (index * 2 >= this.#slots.length) this.#grow()
    else this.#insert(index)
    return index
  }

  #insert(index: number): void {
    const mask = this.#slots.length - 1
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = (this.#hashes[index] + probe) & mask
      if (this.#slots[slot] !== 0) continue
      this.#slots[slot] = index + 1
      return
    }
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 4)
    for (let index = 0; index < this.#labels.length; index++) this.#insert(index)
  }

  #same(index: number, start: number, end: number): boolean {
    const from = this.#starts[index]
    if (this.#ends[index] - from !== end - start) return false
    const { buffer } = this.input
    for (let i = 0; i < end - start; i++) if (buffer[from + i] !== buffer[start + i]) return false
    return true
  }
}
