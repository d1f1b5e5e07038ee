import { totalmem } from 'node:os'
import { constrainedMemory } from 'node:process'
import { getHeapStatistics } from 'node:v8'
import type { MemoryLimits } from '../exposer/core/store/memory.js'

const MIB = 2 ** 20
/**
 * Share of the heap and of the machine that may be held for targets. The rest is for fetched
 * records, responses and garbage.
 */
const SHARE = 0.6
/** What a shard without targets needs: code, connections, buffers of Kafka and HTTP. */
const IDLE_HEAP = 64 * MIB
const IDLE_TOTAL = 96 * MIB
/** V8's limit of the heap includes the young generation, which holds nothing for long. */
const YOUNG_GENERATION = 48 * MIB
const LEAST = MIB

/** What this process may use, bytes. */
export interface ProcessMemory {
  /** V8's limit of the heap, which `--max-old-space-size` sets. */
  readonly heap: number
  /** Limit of the cgroup; undefined, 0 or larger than the machine without one. */
  readonly cgroup: number | undefined
  readonly machine: number
}

/** The memory of this process, and of its cgroup in version 1 or 2. */
export function processMemory(): ProcessMemory {
  return {
    heap: getHeapStatistics().heap_size_limit,
    cgroup: constrainedMemory(),
    machine: totalmem(),
  }
}

/**
 * The limits of what is held for targets. The flag sets the one of heap and buffers together; the
 * heap cannot be larger than V8 allows.
 *
 * @param total value of `--memory.limit`; undefined for the default
 */
export function memoryLimits(
  total: number | undefined,
  { heap, cgroup, machine }: ProcessMemory,
): MemoryLimits {
  const available = cgroup ? Math.min(cgroup, machine) : machine
  return {
    heap: shareOf(heap - YOUNG_GENERATION, IDLE_HEAP),
    total: total ?? shareOf(available, IDLE_TOTAL),
  }
}

function shareOf(bytes: number, idle: number): number {
  return Math.max(LEAST, Math.floor(Math.min(SHARE * bytes, bytes - idle)))
}
