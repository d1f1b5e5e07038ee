/** Tables by the highest bits of a hash: each is small, so that enlarging one takes microseconds. */
const TABLES = 1024
const SHIFT = 22
const INITIAL_SLOTS = 8
const MAX_LOAD = 0.7

/** One table with linear probing. A slot has the hash and the reference + 1; 0 is an empty slot. */
class Table {
  slots = new Uint32Array(2 * INITIAL_SLOTS)
  count = 0

  get mask(): number {
    return this.slots.length / 2 - 1
  }
}

/**
 * Numbers by 32-bit hashes in about 12 to 16 bytes each, where a `Map` takes 50. Hashes can be
 * equal: the caller compares what they stand for.
 */
export class HashIndex {
  readonly #tables: (Table | undefined)[] = new Array(TABLES)
  #size = 0
  #slots = 0

  get size(): number {
    return this.#size
  }

  /** Memory of all tables. */
  get bytes(): number {
    return this.#slots * 8
  }

  /** @param hash unsigned; @param reference 0 to 2^32 − 2 */
  add(hash: number, reference: number): void {
    let table = this.#tables[hash >>> SHIFT]
    if (!table) {
      table = new Table()
      this.#tables[hash >>> SHIFT] = table
      this.#slots += INITIAL_SLOTS
    }
    if (table.count + 1 > (table.mask + 1) * MAX_LOAD) this.#enlarge(table)
    insert(table, hash, reference + 1)
    this.#size++
  }

  /** The first reference with this hash that matches; undefined without one. */
  find(hash: number, matches: (reference: number) => boolean): number | undefined {
    const table = this.#tables[hash >>> SHIFT]
    if (!table) return undefined
    const { slots, mask } = table
    for (let at = hash & mask; slots[2 * at + 1] !== 0; at = (at + 1) & mask)
      if (slots[2 * at] === hash && matches(slots[2 * at + 1] - 1)) return slots[2 * at + 1] - 1
    return undefined
  }

  /** Removes one entry. @returns whether it was there */
  remove(hash: number, reference: number): boolean {
    const table = this.#tables[hash >>> SHIFT]
    if (!table) return false
    const { slots, mask } = table
    for (let at = hash & mask; slots[2 * at + 1] !== 0; at = (at + 1) & mask) {
      if (slots[2 * at] !== hash || slots[2 * at + 1] !== reference + 1) continue
      close(table, at)
      table.count--
      this.#size--
      if (table.count === 0) {
        this.#tables[hash >>> SHIFT] = undefined
        this.#slots -= mask + 1
      }
      return true
    }
    return false
  }

  #enlarge(table: Table): void {
    const { slots: old } = table
    this.#slots += old.length / 2
    table.slots = new Uint32Array(old.length * 2)
    table.count = 0
    for (let i = 0; i < old.length; i += 2) if (old[i + 1] !== 0) insert(table, old[i], old[i + 1])
  }
}

function insert(table: Table, hash: number, stored: number): void {
  const { slots, mask } = table
  let at = hash & mask
  while (slots[2 * at + 1] !== 0) at = (at + 1) & mask
  slots[2 * at] = hash
  slots[2 * at + 1] = stored
  table.count++
}

/** Empties a slot and moves the following entries that would no longer be found. */
function close({ slots, mask }: Table, empty: number): void {
  let hole = empty
  for (let at = (hole + 1) & mask; slots[2 * at + 1] !== 0; at = (at + 1) & mask) {
    const home = slots[2 * at] & mask
    if (((at - home) & mask) < ((at - hole) & mask)) continue
    slots[2 * hole] = slots[2 * at]
    slots[2 * hole + 1] = slots[2 * at + 1]
    hole = at
  }
  slots[2 * hole] = 0
  slots[2 * hole + 1] = 0
}

/** Differs in each process, so that nobody can choose names with equal hashes. */
const SEED = (Math.random() * 2 ** 32) >>> 0

/** Hash of `text.slice(from, to)`, unsigned 32 bits. Equal within one process only. */
export function hashOf(text: string, from: number, to: number): number {
  let hash = SEED
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
