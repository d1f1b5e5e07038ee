import type { Steps } from '../base/steps.js'
import { BytesReader } from './bytes-reader.js'

/** What an uncompressed layout contains, counted without decoding it. */
export interface LayoutSize {
  readonly families: number
  readonly series: number
  /** Labels of all series. */
  readonly labels: number
  /** Estimated number of different labels, not above `labels`. */
  readonly distinctLabels: number
  /** Encoded bytes of names, help texts and units of families. */
  readonly familyText: number
  /** Bytes of the text of all series, as `name{a="b"` without escapes. */
  readonly seriesText: number
}

/** Labels up to which they are assumed to be different: telling them apart costs more. */
const ASSUMED_DISTINCT = 100_000
/** Bits of the bitmap with which different labels are counted. */
const BITS = 1 << 22
/** Input that is read per step, bytes. */
const STEP_BYTES = 32 * 1024

/**
 * Counts the content of a layout before it is decoded, because objects need up to a hundred times
 * the memory of its bytes. Allocates nothing that grows with it.
 *
 * @throws RefusedError (`truncated`, `limit`) if it is malformed
 */
export function* measureLayoutSteps(bytes: Buffer): Steps<LayoutSize> {
  const size = yield* walk(bytes, null)
  if (size.labels <= ASSUMED_DISTINCT) return size
  const seen = new Uint32Array(BITS / 32)
  yield* walk(bytes, seen)
  return { ...size, distinctLabels: Math.min(size.labels, estimate(seen)) }
}

const ANY = Number.MAX_SAFE_INTEGER

/** @param seen bitmap of the hashes of labels, filled unless null */
function* walk(bytes: Buffer, seen: Uint32Array | null): Steps<LayoutSize> {
  const input = new BytesReader('layout')
  input.reset(bytes)
  let families = 0
  let series = 0
  let labels = 0
  let familyText = 0
  let seriesText = 0
  let stepEnd = STEP_BYTES
  const stepIsOver = () => {
    if (input.position < stepEnd) return false
    stepEnd = input.position + STEP_BYTES
    return true
  }
  const skip = (what: string): number => {
    const length = input.length(ANY, what)
    input.skip(length)
    return length
  }
  for (;;) {
    const count = input.count(ANY, 0, 5, 'families')
    if (count === 0) break
    families += count
    for (let f = 0; f < count; f++) {
      const name = skip("a family's name")
      input.long()
      familyText += name + skip("a family's help") + skip("a family's unit")
      for (;;) {
        const inBlock = input.count(ANY, 0, 2, 'series')
        if (inBlock === 0) break
        for (let s = 0; s < inBlock; s++) {
          seriesText += name + skip("a series' suffix") + 2
          for (;;) {
            const ofSeries = input.count(ANY, 0, 2, 'labels of a series')
            if (ofSeries === 0) break
            labels += ofSeries
            for (let l = 0; l < ofSeries; l++) {
              const from = input.position
              seriesText += skip("a label's name") + skip("a label's value") + 4
              if (seen) mark(seen, hashOf(bytes, from, input.position))
              if (stepIsOver()) yield
            }
          }
          series++
          if (stepIsOver()) yield
        }
      }
      if (stepIsOver()) yield
    }
  }
  input.expectEnd()
  return { families, series, labels, distinctLabels: labels, familyText, seriesText }
}

function hashOf(bytes: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return (hash ^ (hash >>> 12)) >>> 0
}

function mark(seen: Uint32Array, hash: number): void {
  const bit = hash % BITS
  seen[bit >>> 5] |= 1 << (bit & 31)
}

/** Linear counting: the share of bits that are not set tells how many hashes there were. */
function estimate(seen: Uint32Array): number {
  let set = 0
  for (let word of seen) for (; word !== 0; word &= word - 1) set++
  return set === BITS ? Number.POSITIVE_INFINITY : Math.ceil(BITS * Math.log(BITS / (BITS - set)))
}
