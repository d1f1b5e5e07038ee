import { expect, test } from 'vitest'
import { growthPercent } from '../../cli/heap.js'

const MIB = 1024 * 1024

test('a heap may grow by a fifth, and a small one by so many bytes', () => {
  expect(growthPercent(0, 30 * MIB)).toBe(20)
  expect(growthPercent(48 * MIB, 24 * MIB)).toBe(200)
  expect(growthPercent(48 * MIB, 240 * MIB)).toBe(20)
  expect(growthPercent(48 * MIB, 2400 * MIB)).toBe(20)
})
