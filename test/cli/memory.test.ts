import { describe, expect, test } from 'vitest'
import { memoryLimits, processMemory } from '../../cli/memory.js'

const MIB = 2 ** 20
const GIB = 2 ** 30
/** V8's limit with `--max-old-space-size`. */
const heapOf = (mib: number) => (mib + 48) * MIB

describe('the memory limit', () => {
  test('is 60 % of the heap, and 60 % of the cgroup for heap and buffers together', () => {
    const memory = { heap: heapOf(1000), cgroup: 2 * GIB, machine: 64 * GIB }
    expect(memoryLimits(undefined, memory)).toEqual({
      heap: 600 * MIB,
      total: Math.floor(1.2 * GIB),
    })
  })

  test.each([undefined, 0, 2 ** 63])(
    'is 60 % of the machine when the cgroup has the limit %s',
    cgroup => {
      const memory = { heap: heapOf(4096), cgroup, machine: 10 * GIB }
      expect(memoryLimits(undefined, memory).total).toBe(6 * GIB)
    },
  )

  test('leaves room for an idle shard in a small heap and a small cgroup', () => {
    const memory = { heap: heapOf(96), cgroup: 128 * MIB, machine: GIB }
    expect(memoryLimits(undefined, memory)).toEqual({ heap: 32 * MIB, total: 32 * MIB })
  })

  test('is the value of the flag for heap and buffers together, and never more heap than V8 allows', () => {
    const memory = { heap: heapOf(1000), cgroup: 2 * GIB, machine: 64 * GIB }
    expect(memoryLimits(8 * GIB, memory)).toEqual({ heap: 600 * MIB, total: 8 * GIB })
  })

  test('is positive in this process', () => {
    const { heap, total } = memoryLimits(undefined, processMemory())
    expect(heap).toBeGreaterThan(16 * MIB)
    expect(total).toBeGreaterThan(16 * MIB)
  })
})
