import { expect, test } from 'vitest'
import { beginning, committed, replayWindow } from '../../../shared/kafka/start.js'

const now = { wall: 1_700_000_000_000, mono: 5 }
const offsets = new Map([[1, { offset: 42, metadata: '' }]])

test('a replay window starts its length before the assignment, or before the topic was created again', () => {
  const start = replayWindow(600_000)
  expect(start.usesCommitted).toBe(false)
  expect(start.of(0, new Map(), now)).toEqual({ since: now.wall - 600_000 })
  expect(start.afterReplacement(now)).toEqual({ since: now.wall - 600_000 })
})

test('`beginning` ignores committed offsets', () => {
  expect(beginning.usesCommitted).toBe(false)
  expect(beginning.of(1, offsets, now)).toBe('earliest')
})

test('`committed` starts at the committed offset, and at the given start without one', () => {
  expect(committed().usesCommitted).toBe(true)
  expect(committed('latest').of(1, offsets, now)).toEqual({ offset: 42 })
  expect(committed('latest').of(0, offsets, now)).toBe('latest')
  expect(committed().of(0, offsets, now)).toBe('earliest')
  // Nothing of the new topic has been read yet.
  expect(committed('latest').afterReplacement(now)).toBe('earliest')
})
