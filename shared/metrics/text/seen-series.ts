import type { Label } from '../model.js'
import type { HashedLabel } from './hashed-label.js'
import type { MetricName } from './names.js'

/** After so many probes a series goes to the map of strings: colliding hashes are harmless. */
const PROBES = 32

/**
 * The series of a page by identity: name and labels without those with an empty value, which
 * Prometheus treats as absent.
 */
export class SeenSeries {
  #slots = new Int32Array(256)
  #hashes = new Int32Array(128)
  readonly #names: MetricName[] = []
  readonly #labels: (readonly Label[])[] = []
  readonly #overflow = new Map<string, number>()

  /**
   * @param kept the same labels, as they are kept
   * @returns the number of the same series, or -1 when it is new. Numbers count from 0 in the order
   *   of addition
   */
  add(name: MetricName, labels: readonly HashedLabel[], kept: readonly Label[]): number {
    const hash = hashOf(name, labels)
    const mask = this.#slots.length - 1
    const last = hash + PROBES
    for (let probe = hash; probe < last; probe++) {
      const index = this.#slots[probe & mask] - 1
      if (index < 0) {
        this.#slots[probe & mask] = this.#append(hash, name, kept) + 1
        if (this.#names.length === this.#hashes.length) this.#grow()
        return -1
      }
      if (
        this.#hashes[index] === hash &&
        this.#names[index] === name &&
        same(this.#labels[index], kept)
      )
        return index
    }
    const identity = textOf(name, kept)
    const known = this.#overflow.get(identity)
    if (known !== undefined) return known
    this.#overflow.set(identity, this.#append(hash, name, kept))
    if (this.#names.length === this.#hashes.length) this.#grow()
    return -1
  }

  #append(hash: number, name: MetricName, labels: readonly Label[]): number {
    const index = this.#names.push(name) - 1
    this.#labels.push(labels)
    this.#hashes[index] = hash
    return index
  }

  /** A series without a free slot goes to the map of strings. */
  #grow(): void {
    const hashes = new Int32Array(2 * this.#hashes.length)
    hashes.set(this.#hashes)
    this.#hashes = hashes
    this.#slots = new Int32Array(2 * hashes.length)
    const mask = this.#slots.length - 1
    for (let index = 0; index < this.#names.length; index++) {
      let probe = hashes[index]
      const last = probe + PROBES
      while (probe < last && this.#slots[probe & mask] !== 0) probe++
      if (probe < last) this.#slots[probe & mask] = index + 1
      else this.#overflow.set(textOf(this.#names[index], this.#labels[index]), index)
    }
  }
}

function hashOf({ id }: MetricName, labels: readonly HashedLabel[]): number {
  let hash = id
  for (const { label, hash: own } of labels)
    if (label.value !== '') hash = Math.imul(hash ^ own, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) & 0x3fffffff
}

function same(a: readonly Label[], b: readonly Label[]): boolean {
  let i = 0
  let j = 0
  for (;;) {
    while (i < a.length && a[i].value === '') i++
    while (j < b.length && b[j].value === '') j++
    if (i === a.length || j === b.length) return i === a.length && j === b.length
    const x = a[i++]
    const y = b[j++]
    if (x !== y && (x.name !== y.name || x.value !== y.value)) return false
  }
}

const textOf = ({ text }: MetricName, labels: readonly Label[]): string =>
  JSON.stringify([
    text,
    labels.filter(({ value }) => value !== '').map(({ name, value }) => [name, value]),
  ])
