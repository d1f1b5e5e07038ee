import { describe, expect, test } from 'vitest'
import { compileSteps } from '../../../exposer/core/store/compiled-layout.js'
import { CommittedStart } from '../../../exposer/remote-write/start.js'
import { Tables } from '../../../exposer/remote-write/tables.js'
import { WritesFeed } from '../../../exposer/remote-write/writes-feed.js'
import type { WrittenItem } from '../../../exposer/remote-write/written-item.js'
import { systemClock } from '../../../shared/base/clock.js'
import { decodeSnappyBlock } from '../../../shared/base/snappy/block.js'
import { runNow } from '../../../shared/base/steps.js'
import { relabelConfigs, rulesOf } from '../../../shared/metrics/relabel/schema.js'
import { WriteFigures } from '../../../shared/remote-write/figures.js'
import type { QueueManager } from '../../../shared/remote-write/manager.js'
import { Relabelling } from '../../../shared/remote-write/relabelling.js'
import { Writer2 } from '../../../shared/remote-write/writer-2.js'
import { WrittenRelabelling } from '../../../shared/remote-write/written-relabelling.js'
import { silent } from '../../support/kafka.js'
import { simpleLayout } from '../../support/layouts.js'
import { decodePlain } from '../../support/plain-writes.js'
import { writtenRecord } from '../../support/written-record.js'

const relabelling = (configs: unknown) =>
  new Relabelling(
    rulesOf(relabelConfigs.parse(configs), 'utf8', (_i, key, problem) => {
      throw new Error(`${key}: ${problem}`)
    }),
  )
const targetOf = (instance: string) => [
  { name: 'instance', value: instance },
  { name: 'job', value: 'shop' },
]

describe('relabelled tables', () => {
  const layout = runNow(compileSteps(simpleLayout(100), 'x', { fits: () => true, onGrown() {} }))

  test('are shared by targets that differ in nothing that a rule reads', async () => {
    const byName = relabelling([
      { source_labels: ['__name__', 'i'], regex: 'x;1.', action: 'drop' },
    ])
    const tables = new Tables([], byName, 1e7)
    expect(tables.known(layout, targetOf('a'))).toBeUndefined()
    const table = await tables.make(layout, targetOf('a'))
    expect(table.kept).toHaveLength(90)
    expect(tables.known(layout, targetOf('b'))).toBe(table)
    expect([...tables.families]).toEqual([layout.families])
  })

  test('that are different for each target stay within the bytes', async () => {
    const byInstance = relabelling([{ source_labels: ['instance'], target_label: 'i' }])
    const tables = new Tables([], byInstance, 30_000)
    const make = (i: number) => tables.make(layout, targetOf(`host-${i}`))
    // Made once, also for those who ask meanwhile.
    const [first, again] = await Promise.all([make(0), make(0)])
    expect(again).toBe(first)
    for (let i = 1; i < 50; i++) await make(i)
    expect(tables.bytes).toBeLessThan(30_000)
    expect(tables.known(layout, targetOf('host-49'))).toBeDefined()
    expect(tables.known(layout, targetOf('host-1'))).toBeUndefined()
  })
})

describe('relabelled writes', () => {
  const sent = { exemplars: true, nativeHistograms: true }
  const series = (name: string, samples: number, i = '') => ({
    labels: { __name__: name, job: 'shop', ...(i && { i }) },
    samples: Array.from({ length: samples }, (_, at) => ({
      time: 1_750_000_000_000 + at,
      value: at,
    })),
  })

  function setUp() {
    const items: WrittenItem[] = []
    const committed: number[] = []
    const figures = new WriteFigures()
    const queue = { hasRoom: () => true, push: (item: WrittenItem) => items.push(item), flush() {} }
    const start = new CommittedStart(0)
    const now = systemClock.now()
    const metadata = JSON.stringify({ time: now.wall, partitions: 1 })
    start.of(0, new Map([[0, { offset: 0, metadata }]]), now)
    const rules = [
      { source_labels: ['__name__'], regex: 'go_.*', action: 'drop' },
      { source_labels: ['__name__'], regex: 'x', target_label: '__name__', replacement: 'y' },
    ]
    const feed = new WritesFeed({
      clock: systemClock,
      logger: silent,
      queue: queue as unknown as QueueManager,
      figures,
      start,
      sent,
      relabelling: new WrittenRelabelling(relabelling(rules), 1e6),
      maxBytes: 1e9,
      commit: (_partition, offset) => committed.push(offset),
      committed: () => 0,
    })
    feed.onAssignment({ lost: [], fresh: [0], kept: [], partitionCount: 1 } as never)
    feed.onReplay(0, 0, 0)
    let offset = 0
    const read = (...records: (readonly ReturnType<typeof series>[])[]) => {
      const list = records.map(one => ({
        offset: offset++,
        timestamp: now.wall,
        key: Buffer.from('key'),
        value: writtenRecord(one),
      }))
      return feed.onRecords(0, list, { highWatermark: offset })
    }
    return { feed, read, items, committed, figures }
  }

  test('count the samples that are sent, and those that are dropped', async () => {
    const { read, items, figures } = setUp()
    await read([
      series('go_threads', 2),
      series('x', 3),
      series('go_goroutines', 1),
      series('z', 1),
    ])
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({ series: 2, samples: 4, dropped: 3 })
    expect(figures.relabelledAway).toBe(3)
  })

  test('are sent in pieces as a whole', async () => {
    const { read, items } = setUp()
    const all = Array.from({ length: 9 }, (_, i) => series(i % 3 === 1 ? 'go_x' : 'x', 1, `${i}`))
    await read(all)
    const [item] = items
    const written = async (pieces: readonly number[]) => {
      const writer = new Writer2()
      for (const [i, to] of pieces.slice(1).entries()) await item!.prepare(pieces[i]!, to)
      for (const [i, to] of pieces.slice(1).entries()) item!.write(writer, pieces[i]!, to)
      const { body } = writer.finish()
      return decodePlain('2.0', decodeSnappyBlock(body, 1e6)).map(({ labels }) => labels.join())
    }
    expect(item!.series).toBe(6)
    expect(await written([0, 6])).toEqual([0, 2, 3, 5, 6, 8].map(i => `__name__=y,i=${i},job=shop`))
    expect(await written([0, 1, 4, 6])).toEqual(await written([0, 6]))
  })

  test('of which nothing is left are not sent, and are committed', async () => {
    const { feed, read, items, committed } = setUp()
    await read([series('go_threads', 2)], [series('go_goroutines', 1)])
    expect(items).toEqual([])
    await feed.onRevoking([0])
    expect(committed.at(-1)).toBe(2)
    feed.stop()
  })
})
