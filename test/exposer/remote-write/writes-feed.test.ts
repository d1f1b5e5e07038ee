import { expect, test } from 'vitest'
import { CommittedStart } from '../../../exposer/remote-write/start.js'
import { WritesFeed, type WritesFeedOptions } from '../../../exposer/remote-write/writes-feed.js'
import { systemClock } from '../../../shared/base/clock.js'
import { WriteFigures } from '../../../shared/remote-write/figures.js'
import type { WriteItem } from '../../../shared/remote-write/item.js'
import { eventually } from '../../support/eventually.js'
import { encodeV2 } from '../../support/remote-write-schema.js'

const quiet = () => {}
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }
const LABEL_BYTES = 10_000
const RECORDS = 50

const record = (n: number) => {
  const symbols = ['', '__name__', 'a', 'long', 'x'.repeat(LABEL_BYTES)]
  const timeseries = [
    { labelsRefs: [1, 2, 3, 4], samples: [{ value: n, timestamp: 1_700_000_000_000 + n }] },
  ]
  const value = Buffer.from(encodeV2({ symbols, timeseries }))
  return { key: Buffer.from('job\0a\0'), value, offset: n, timestamp: 1_700_000_000_000 + n }
}

/** A feed of one partition, whose items wait for a receiver. */
function setUp(maxBytes: number) {
  const waiting: WriteItem[] = []
  const queue = {
    hasRoom: () => true,
    room: async () => {},
    push: (item: WriteItem) => waiting.push(item),
    flush: quiet,
  }
  const feed = new WritesFeed({
    clock: systemClock,
    logger,
    queue: queue as unknown as WritesFeedOptions['queue'],
    figures: new WriteFigures(),
    start: new CommittedStart(0),
    sent: { exemplars: true, nativeHistograms: true },
    relabelling: null,
    maxBytes,
    commit: quiet,
    committed: () => 0,
  })
  const assign = (assignment: object) =>
    feed.onAssignment({
      ...{ epoch: 1, partitionCount: 1, fresh: [], kept: [], lost: [], previous: new Map() },
      ...assignment,
    })
  assign({ fresh: [0] })
  feed.onReplay(0, 0, RECORDS)
  const records = Array.from({ length: RECORDS }, (_, n) => record(n))
  const reading = feed.onRecords(0, records as Parameters<WritesFeed['onRecords']>[1], {
    highWatermark: RECORDS,
  })
  return { waiting, assign, reading }
}

test('records with long labels wait in the log while the receiver is slow, and all are sent', async () => {
  const { waiting, reading } = setUp(5 * LABEL_BYTES)
  const seen: number[] = []
  while (seen.length < RECORDS) {
    await eventually(() => expect(waiting.length).toBeGreaterThan(0))
    expect(waiting.length).toBeLessThanOrEqual(5)
    const item = waiting.shift()!
    seen.push(item.time - 1_700_000_000_000)
    item.settle()
  }
  await reading
  expect(seen).toEqual(Array.from({ length: RECORDS }, (_, n) => n))
})

test('reading that waits for a slow receiver ends when the partition is lost', async () => {
  const { waiting, assign, reading } = setUp(5 * LABEL_BYTES)
  await eventually(() => expect(waiting).toHaveLength(5))
  assign({ lost: [0] })
  await reading
  expect(waiting).toHaveLength(5)
  expect(waiting.every(({ isCancelled }) => isCancelled)).toBe(true)
})
