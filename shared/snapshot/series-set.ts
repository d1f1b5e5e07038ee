import type { Label } from '../metrics/model.js'

/**
 * Maximum number of probes. Then the series is stored as a string, so that deliberate collisions
 * gain nothing.
 */
const PROBES = 32
/** Maximum number of label objects whose hashes are remembered. */
const MAX_LABEL_HASHES = 16 * 1024

/**
 * Set of series that does not build a string for each: series are compared by a hash of their text,
 * and by the text if the hashes are equal. The capacity is fixed.
 *
 * Two series are equal if they have the same metric name and the same labels, except labels with an
 * empty value, which Prometheus treats as absent.
 */
export class SeriesSet {
  readonly #slots: Int32Array
  readonly #hashes: Int32Array
  readonly #names: string[] = []
  readonly #labels: (readonly Label[])[] = []
  readonly #overflow = new Set<string>()
  /** Hashes of label objects, so that a shared object is hashed once. */
  readonly #labelHashes = new Map<Label, number>()
  #name = ''
  #nameHash = hashText(0x811c9dc5, '')

  constructor(
    capacity: number,
    private readonly probes = PROBES,
  ) {
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(capacity * 2 + 1)))
    this.#hashes = new Int32Array(capacity)
  }

  /** @returns false if the set contains it */
  add(name: string, labels: readonly Label[]): boolean {
    const hash = this.#hashOf(name, labels)
    const mask = this.#slots.length - 1
    for (let probe = 0; probe < this.probes; probe++) {
      const slot = ((hash >>> 8) + probe) & mask
      const index = this.#slots[slot] - 1
      if (index < 0) {
        this.#hashes[this.#names.length] = hash
        this.#slots[slot] = this.#names.push(name)
        this.#labels.push(labels)
        return true
      }
      if (this.#hashes[index] !== hash || this.#names[index] !== name) continue
      if (sameLabels(this.#labels[index], labels)) return false
    }
    const identity = identityOf(name, labels)
    if (this.#overflow.has(identity)) return false
    this.#overflow.add(identity)
    return true
  }

  #hashOf(name: string, labels: readonly Label[]): number {
    if (name !== this.#name) {
      this.#name = name
      this.#nameHash = hashText(0x811c9dc5, name)
    }
    let hash = this.#nameHash
    for (const label of labels) {
      if (label.value !== '') hash = Math.imul(hash ^ this.#hashOfLabel(label), 0x01000193)
    }
    hash ^= hash >>> 15
    return Math.imul(hash, 0x2c1b3c6d)
  }

  #hashOfLabel(label: Label): number {
    let hash = this.#labelHashes.get(label)
    if (hash === undefined) {
      hash = hashText(hashText(0x811c9dc5, label.name), label.value)
      if (this.#labelHashes.size < MAX_LABEL_HASHES) this.#labelHashes.set(label, hash)
    }
    return hash
  }
}

/** FNV-1a of the UTF-16 units and the length, so that the boundary between two texts counts. */
function hashText(start: number, text: string): number {
  let hash = Math.imul(start ^ text.length, 0x01000193)
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

function sameLabels(a: readonly Label[], b: readonly Label[]): boolean {
  let i = 0
  let j = 0
  for (;;) {
    while (i < a.length && a[i].value === '') i++
    while (j < b.length && b[j].value === '') j++
    if (i === a.length || j === b.length) return i === a.length && j === b.length
    if (a[i].value !== b[j].value || a[i].name !== b[j].name) return false
    i++
    j++
  }
}

/** Unambiguous because validation refuses NULs in names and values. */
function identityOf(name: string, labels: readonly Label[]): string {
  let identity = name
  for (const label of labels) if (label.value !== '') identity += `\0${label.name}\0${label.value}`
  return identity
}
