import { expect, test } from 'vitest'
import { maxWaiting } from '../../exposer/routes/turn.js'

const MIB = 2 ** 20

test('as many requests wait as the heap has room for', () => {
  expect([1, 64, 614, 2458].map(mib => maxWaiting(mib * MIB))).toEqual([100, 409, 3929, 10_000])
})
