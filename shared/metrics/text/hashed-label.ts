import { compareUtf8 } from '../labels.js'
import type { Label } from '../model.js'
import { HASH_START, hashByte } from './byte-cache.js'

/** A label and a hash of its name and value: equal for equal labels, however they are spelled. */
export interface HashedLabel {
  readonly label: Label
  readonly hash: number
}

/** The hash of the bytes of the name, an equals sign and the value, as if read from a page. */
export function hashOf({ name, value }: Label): number {
  let hash = HASH_START
  for (const byte of Buffer.from(`${name}=${value}`)) hash = hashByte(hash, byte)
  return hash
}

/** Longer lists are not sorted by insertion. */
const MANY = 32

/**
 * Sorts by name, in place. Insertion is the fastest for what writers produce: sorted labels, or one
 * more label at the end.
 *
 * @returns a name that occurs twice, if any
 */
export function sortLabels(labels: HashedLabel[]): string | undefined {
  if (labels.length > MANY) labels.sort((a, b) => compareUtf8(a.label.name, b.label.name))
  for (let i = 1; i < labels.length; i++) {
    const added = labels[i]
    const { name } = added.label
    let j = i
    while (j > 0) {
      const order = compareUtf8(labels[j - 1].label.name, name)
      if (order === 0) return name
      if (order < 0) break
      labels[j] = labels[j - 1]
      j--
    }
    labels[j] = added
  }
  return undefined
}
