import type { Label } from '../model.js'
import type { MetricName } from './families.js'
import type { InternedLabel } from './labels.js'

/** Whoever writes a page cannot choose series whose hashes are the same. */
const SECRET = Math.floor(Math.random() * 2 ** 31) | 1

/** The series of a page by identity: name and labels, those without a value aside, which Prometheus treats as absent. */
export class SeenSeries {
  #slots = new Int32Array(256)
  #hashes = new Int32Array(128)
  readonly #names: MetricName[] = []
  readonly #labels: (readonly Label[])[] = []

  /**
   * @param kept the same labels, as they are kept
   * @returns the number of the same series, or -1 when it is new. Numbers count from 0 in the order of addition
   */
  add(name: MetricName, labels: readonly InternedLabel[], kept: readonly Label[]): number {
    const hash = hashOf(name, labels)
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (let found = this.#slots[slot]; found !== 0; found = this.#slots[slot]) {
      const index = found - 1
      if (this.#hashes[index] === hash && this.#names[index] === name && same(this.#labels[index], kept))
        return index
      slot = (slot + 1) & mask
    }
    const index = this.#names.push(name) - 1
    this.#labels.push(kept)
    if (index === this.#hashes.length) this.#grow()
    this.#hashes[index] = hash
    if (this.#slots.length === mask + 1) this.#slots[slot] = index + 1
    else this.#insert(hash, index)
    return -1
  }

  #grow(): void {
    const hashes = new Int32Array(2 * this.#hashes.length)
    hashes.set(this.#hashes)
    this.#slots = new Int32Array(2 * this.#slots.length)
    for (let i = 0; i < this.#hashes.length; i++) this.#insert(this.#hashes[i], i)
    this.#hashes = hashes
  }

  #insert(hash: number, index: number): void {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = index + 1
  }
}

function hashOf(name: MetricName, labels: readonly InternedLabel[]): number {
  let hash = name.id
  for (const { label, id } of labels) if (label.value !== '') hash = (Math.imul(hash, SECRET) + id + 1) | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** There is one object for each label. */
function same(a: readonly Label[], b: readonly Label[]): boolean {
  let i = 0
  let j = 0
  for (;;) {
    while (i < a.length && a[i].value === '') i++
    while (j < b.length && b[j].value === '') j++
    if (i === a.length || j === b.length) return i === a.length && j === b.length
    if (a[i++] !== b[j++]) return false
  }
}
