import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** Growth of the heap between two garbage collections, percent. */
const GROWTH = 20
const RECHECK_MS = 5_000

/**
 * Limits heap growth to 20 % between two garbage collections. By default V8 lets the heap grow up
 * to fourfold after a burst of allocations, such as a replay, and does not shrink it. The
 * additional collections are mostly concurrent.
 *
 * This has an effect only before the heap has grown. `NODE_OPTIONS` does not support the flag.
 *
 * @param leastBytes growth that a small heap may have nevertheless. V8 counts memory of buffers as
 *   growth: a program that handles many bytes with a small heap would collect for each few of them.
 */
export function keepHeapSmall(leastBytes = 0): void {
  allowGrowth(leastBytes)
  // Do not keep the process alive for this timer.
  if (leastBytes > 0) setInterval(allowGrowth, RECHECK_MS, leastBytes).unref()
}

function allowGrowth(leastBytes: number): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent(leastBytes, heapBytes())}`)
}

/** A fifth of the heap, or so many bytes if that is more. */
export const growthPercent = (leastBytes: number, heap: number): number =>
  Math.max(GROWTH, Math.ceil((100 * leastBytes) / heap))

const heapBytes = () => getHeapStatistics().used_heap_size
