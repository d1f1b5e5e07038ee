import { expect, test } from 'vitest'
import { beginning, committed, replayWindow } from '../../../shared/kafka/start.js'

const now = { wall: 1_700_000_000_000, mono: 5 }
const offsets = new Map([[1, { offset: 42, metadata: '' }]])

test('a replay window begins so long before the assignment, and again when the topic was made anew', () => {
  const start = replayWindow(600_000)
  expect(start.usesCommitted).toBe(false)
  expect(start.of(0, new Map(), now)).toEqual({ since: now.wall - 600_000 })
  expect(start.afterReplacement(now)).toEqual({ since: now.wall - 600_000 })
})

test('the beginning is the beginning, whatever is committed', () => {
  expect(beginning.usesCommitted).toBe(false)
  expect(beginning.of(1, offsets, now)).toBe('earliest')
})

test('a committed offset is where its partition begins; the others begin where they are told to', () => {
  expect(committed().usesCommitted).toBe(true)
  expect(committed('latest').of(1, offsets, now)).toEqual({ offset: 42 })
  expect(committed('latest').of(0, offsets, now)).toBe('latest')
  expect(committed().of(0, offsets, now)).toBe('earliest')
  // Nothing of the new topic has been read.
  expect(committed('latest').afterReplacement(now)).toBe('earliest')
})
