import { HASH_START, hashByte } from '../text/byte-cache.js'

const SMALLEST = 1024
/** Slots that are looked at. A text that is not found there is kept twice, which costs memory only. */
const MAX_PROBES = 64

/**
 * Finds texts of a message that were there before. Both its size and the cost of a lookup are
 * bounded, whatever the message contains.
 */
export class SymbolTable {
  /** Index of a symbol + 1, or 0. */
  #slots = new Uint32Array(SMALLEST)
  #hashes = new Uint32Array(SMALLEST)
  #count = 0
  #slot = 0
  #hash = 0

  clear(): void {
    if (this.#slots.length > 64 * SMALLEST) {
      this.#slots = new Uint32Array(SMALLEST)
      this.#hashes = new Uint32Array(SMALLEST)
    } else if (this.#count > 0) this.#slots.fill(0)
    this.#count = 0
  }

  /**
   * @param ranges begin and end of each symbol in the message
   * @returns the index of the symbol, or −1; `add` adds it then
   */
  find(message: DataView, from: number, to: number, ranges: Uint32Array): number {
    const hash = hashOf(message, from, to)
    const mask = this.#slots.length - 1
    let slot = hash & mask
    let probes = 0
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      if (++probes > MAX_PROBES) {
        slot = -1
        break
      }
      if (this.#hashes[slot] !== hash) continue
      const symbol = this.#slots[slot] - 1
      if (isSame(message, from, to, ranges, symbol)) return symbol
    }
    this.#slot = slot
    this.#hash = hash
    return -1
  }

  /** Adds the text that was not found. */
  add(symbol: number): void {
    if (this.#slot < 0) return
    this.#slots[this.#slot] = symbol + 1
    this.#hashes[this.#slot] = this.#hash
    if (++this.#count * 2 > this.#slots.length) this.#enlarge()
  }

  #enlarge(): void {
    const slots = this.#slots
    const hashes = this.#hashes
    const size = 2 * slots.length
    const mask = size - 1
    this.#slots = new Uint32Array(size)
    this.#hashes = new Uint32Array(size)
    for (let i = 0; i < slots.length; i++) {
      if (slots[i] === 0) continue
      let slot = hashes[i] & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = slots[i]
      this.#hashes[slot] = hashes[i]
    }
  }
}

/** Whether a text has the bytes of a symbol. */
export function isSame(
  message: DataView,
  from: number,
  to: number,
  ranges: Uint32Array,
  symbol: number,
): boolean {
  let other = ranges[2 * symbol]
  if (ranges[2 * symbol + 1] - other !== to - from) return false
  let at = from
  for (; at + 4 <= to; at += 4, other += 4)
    if (message.getInt32(at, true) !== message.getInt32(other, true)) return false
  for (; at < to; at++, other++) if (message.getUint8(at) !== message.getUint8(other)) return false
  return true
}

/** Four bytes at a time; hashes differ between processes. */
function hashOf(message: DataView, from: number, to: number): number {
  let hash = HASH_START
  let at = from
  for (; at + 4 <= to; at += 4) {
    hash = hashByte(hash, message.getInt32(at, true))
    // The last bits of a product depend on the last bits of its factors only.
    hash ^= hash >>> 15
  }
  for (; at < to; at++) hash = hashByte(hash, message.getUint8(at))
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
