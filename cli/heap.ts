import { setFlagsFromString } from 'node:v8'

/**
 * Lets the heap grow in steps of a fifth between collections, where the engine would let it grow up to fourfold after much was read in
 * little time, as in a replay, and keep that. The collections are concurrent for the most part. Works only before the heap
 * has grown; `NODE_OPTIONS` does not know the flag.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=20')
}
