import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chunksOf, readChunk } from '../../../../gateway/store/kafka/snapshots/chunk.js'
import { gapBetween, markOffset } from '../../../../gateway/store/kafka/snapshots/continuity.js'
import { isDue } from '../../../../gateway/store/kafka/snapshots/schedule.js'
import { SnapshotIndex } from '../../../../gateway/store/kafka/snapshots/snapshot-index.js'

interface Written {
  readonly offset: number
  readonly parts: number
  /** Chunks that reached the topic. */
  readonly complete: boolean
  readonly repeats: boolean
}

const idOf = (writer: number) => Buffer.alloc(16, writer + 1)

/** The records of snapshots that several gateways write at the same time. */
function topicOf(writers: readonly Written[], order: readonly number[]): Buffer[] {
  const queues = writers.map(({ offset, parts, complete, repeats }, writer) => {
    const bodies = Array.from({ length: parts }, () => Buffer.from('part'))
    const chunks = [...chunksOf(idOf(writer), { offset, time: 1, last: null }, bodies, 100)]
    const kept = (complete ? chunks : chunks.slice(0, -1)) as Buffer[]
    return repeats ? kept.flatMap((chunk, i) => [chunk, kept[Math.max(0, i - 1)], chunk]) : kept
  })
  const topic: Buffer[] = []
  for (const next of order) {
    const queue = queues[next % queues.length]
    if (queue.length > 0) topic.push(queue.shift()!)
  }
  return [...topic, ...queues.flat()]
}

function indexOf(topic: readonly Buffer[], begin = 0): SnapshotIndex {
  const index = new SnapshotIndex()
  topic.forEach((record, at) => {
    const read = readChunk(record)
    if (at >= begin && read.kind === 'chunk') index.observe(at, read.chunk, record.length)
  })
  return index
}

const writers = fc.array(
  fc.record({
    offset: fc.nat({ max: 50 }),
    parts: fc.integer({ min: 1, max: 5 }),
    complete: fc.boolean(),
    repeats: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
)
const order = fc.array(fc.nat({ max: 4 }), { maxLength: 60 })

describe('the newest snapshot', () => {
  test('is the complete one of the highest offset, however they are mixed, repeated or cut off', () => {
    fc.assert(
      fc.property(writers, order, (writers, order) => {
        const { newest } = indexOf(topicOf(writers, order))
        const complete = writers.filter(writer => writer.complete).map(({ offset }) => offset)
        expect(newest?.header.offset).toBe(complete.length ? Math.max(...complete) : undefined)
      }),
    )
  })

  test('and the second one survive the removal of what is no longer needed', () => {
    fc.assert(
      fc.property(writers, order, (writers, order) => {
        const topic = topicOf(writers, order)
        const index = indexOf(topic)
        const { removable, newest } = index
        if (!removable) return
        const left = indexOf(topic, removable.snapshots)
        // Of snapshots with one offset, a repetition of another one may be left: they are equal.
        expect(left.newest!.header).toEqual(newest!.header)
        expect(left.removable?.log).toBe(removable.log)
        expect(removable.log).toBeLessThanOrEqual(newest!.header.offset)
      }),
    )
  })

  test('is the one before, once it cannot be loaded', () => {
    const whole = { parts: 2, complete: true, repeats: false }
    const index = indexOf(
      topicOf(
        [
          { ...whole, offset: 5 },
          { ...whole, offset: 9 },
        ],
        [],
      ),
    )
    index.discard(index.newest!.id)
    expect(index.newest).toMatchObject({ header: { offset: 5 } })
    expect(index.removable).toBeUndefined()
  })
})

describe('a log continues a snapshot', () => {
  const id = Buffer.alloc(16, 1)
  const state = { offset: 10, time: 5, last: { time: 5, id } }
  const same = { time: 5, id }

  test('unless it begins after it, ends before it, or has another record before it', () => {
    expect(gapBetween(state, { begin: 0, end: 10 }, same)).toBeUndefined()
    expect(gapBetween(state, { begin: 10, end: 12 }, undefined)).toBeUndefined()
    expect(gapBetween(state, { begin: 11, end: 12 }, undefined)).toMatch(/begins at offset 11/)
    expect(gapBetween(state, { begin: 0, end: 9 }, undefined)).toMatch(/ends at offset 9/)
    const other = 'has another record'
    expect(gapBetween(state, { begin: 0, end: 20 }, { ...same, time: 6 })).toContain(other)
    expect(
      gapBetween(state, { begin: 0, end: 20 }, { time: 5, id: Buffer.alloc(16, 2) }),
    ).toContain(other)
  })

  test('that holds nothing, if it begins at its first record', () => {
    const nothing = { offset: 0, time: 0, last: null }
    expect(gapBetween(nothing, { begin: 0, end: 7 }, undefined)).toBeUndefined()
    expect(gapBetween(nothing, { begin: 3, end: 7 }, undefined)).toMatch(/there is no snapshot/)
  })

  test('and is compared with it by the record before, if that is there', () => {
    expect(markOffset(state, { begin: 0, end: 10 })).toBe(9)
    expect(markOffset(state, { begin: 9, end: 10 })).toBe(9)
    expect(markOffset(state, { begin: 10, end: 10 })).toBeUndefined()
    expect(markOffset(state, { begin: 0, end: 9 })).toBeUndefined()
    expect(markOffset({ ...state, last: null }, { begin: 0, end: 10 })).toBeUndefined()
  })
})

test('a snapshot is due by the size of the log, if it is larger than the last one, or by age', () => {
  const rule = { minBytes: 64, maxAge: 1_000 }
  const since = { bytes: 0, age: 0, records: 1, size: 0 }
  expect(isDue({ ...since, bytes: 64 }, rule)).toBe(false)
  expect(isDue({ ...since, bytes: 65 }, rule)).toBe(true)
  expect(isDue({ ...since, bytes: 65, size: 100 }, rule)).toBe(false)
  expect(isDue({ ...since, bytes: 101, size: 100 }, rule)).toBe(true)
  expect(isDue({ ...since, age: 1_001 }, rule)).toBe(true)
  expect(isDue({ ...since, age: 1_001, records: 0 }, rule)).toBe(false)
})
