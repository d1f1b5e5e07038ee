import { setFlagsFromString } from 'node:v8'

/**
 * Limits heap growth to 20 % between two garbage collections. By default V8 lets the heap grow up
 * to fourfold after a burst of allocations, such as a replay, and does not shrink it. The
 * additional collections are mostly concurrent.
 *
 * This has an effect only before the heap has grown. `NODE_OPTIONS` does not support the flag.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=20')
}
