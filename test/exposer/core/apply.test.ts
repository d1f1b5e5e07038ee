import { describe, expect, test } from 'vitest'
import { MassiveScrape } from '../../../exposer/core/render/massive/massive.js'
import { Shard } from '../../../exposer/core/shard.js'
import { runNow } from '../../../shared/base/steps.js'
import { TEXT } from '../../../shared/exposition/format.js'
import { FakeApp } from '../../support/records.js'
import { expectReferences } from '../../support/references.js'
import { FakeShard, massive } from '../../support/shard.js'

const exposition = '# HELP x X.\n# TYPE x gauge\nx 1\n'
const x = (value: number) => `# HELP x X.\n# TYPE x gauge\nx ${value}\n`

describe('applying records', () => {
  test.each([
    [
      'key',
      (_: FakeApp, record: object) => ({
        ...record,
        key: new FakeApp({ labels: { job: 'other' } }).key,
      }),
    ],
    ['key', (_: FakeApp, record: object) => ({ ...record, key: null })],
    ['schema', (_: FakeApp, record: object) => ({ ...record, value: Buffer.from('no avro here') })],
    ['schema', (_: FakeApp, record: object) => ({ ...record, value: null })],
    ['codec', (_: FakeApp, record: object) => ({ ...record, value: null, unreadable: 'codec' })],
    [
      'timestamp',
      (_: FakeApp, record: object) => ({ ...record, value: null, unreadable: 'timestamp' }),
    ],
  ])('a record that breaks a rule is refused as %s and harms no neighbour', (reason, change) => {
    const shard = new FakeShard()
    const good = new FakeApp({ labels: { job: 'good' } })
    const bad = new FakeApp({ labels: { job: 'bad' } })
    shard.publish(good, { exposition, collectedAt: shard.wall })
    const record = bad.record({ exposition, collectedAt: shard.wall })
    shard.shard.apply(0, change(bad, record) as typeof record, shard.now)
    expect(shard.refusals).toEqual([reason])
    expect(shard.state(bad)).toBe('unknown')
    expect(shard.state(good)).toBe('up')
  })

  test('a known target with another key, a re-delivered snapshot, and one from an older run, are refused', () => {
    const shard = new FakeShard()
    const app = new FakeApp({ incarnation: 1000 })
    const record = app.record({ exposition, collectedAt: shard.wall, sequence: 5 })
    shard.shard.apply(0, record, shard.now)
    shard.shard.apply(0, { ...record, offset: 9 }, shard.now)
    shard.publish(app, { exposition, collectedAt: shard.wall + 1, sequence: 4 })
    shard.publish(app, { exposition, collectedAt: shard.wall, sequence: 6 })
    shard.publish(new FakeApp({ incarnation: 999 }), { exposition, collectedAt: shard.wall + 5 })
    expect(shard.refusals).toEqual(['order', 'order', 'order', 'incarnation'])
    expect(shard.shard.counters.snapshots).toBe(1)
  })

  test('a partition that is not murmur2 of the key is refused', () => {
    const shard = new FakeShard(undefined, {}, 12)
    const app = new FakeApp()
    const wrong = (app.partition(12) + 1) % 12
    shard.shard.apply(wrong, app.record({ exposition, collectedAt: shard.wall }), shard.now)
    expect(shard.refusals).toEqual(['partition'])
  })

  test('a target called kafka-exposer, and a snapshot over the limit, are refused whole', () => {
    const shard = new FakeShard(undefined, {
      limits: { samples: 3, labels: 64, nameBytes: 1024, valueBytes: 4096, bytes: 1e6, parts: 9 },
    })
    shard.publish(new FakeApp({ labels: { job: 'kafka-exposer' } }), {
      exposition,
      collectedAt: shard.wall,
    })
    const four = `# HELP x X.\n# TYPE x gauge\n${[1, 2, 3, 4].map(i => `x{i="${i}"} 1\n`).join('')}`
    shard.publish(new FakeApp(), { exposition: four, collectedAt: shard.wall })
    expect(shard.refusals).toEqual(['reserved', 'limit'])
    expect(shard.appMetrics()).toBe('')
  })

  test('missed and superseded snapshots are distinguished', () => {
    const shard = new FakeShard()
    const app = new FakeApp()
    const publish = (sequence: number, superseded: number) => {
      shard.wall += 15_000
      shard.publish(app, { exposition, collectedAt: shard.wall, sequence, superseded })
    }
    publish(0, 0)
    publish(5, 4) // 1 to 4 were replaced
    publish(8, 5) // of 6 and 7 one was replaced
    expect(shard.shard.ledger).toMatchObject({ superseded: 5, missed: 1, published: 9 })
  })

  test('a collection time far from the append time is counted and clamped, and does not disturb the order', () => {
    const shard = new FakeShard()
    const app = new FakeApp()
    shard.publish(app, {
      exposition: x(1),
      collectedAt: shard.wall + 600_000,
      appendedAt: shard.wall,
    })
    expect(shard.shard.counters.skewed).toBe(1)
    expect(shard.metrics('timestamped')).toContain(` ${shard.wall + 10_000}\n`)
    shard.pass(15_000)
    shard.publish(app, {
      exposition: x(2),
      collectedAt: shard.wall + 600_000,
      appendedAt: shard.wall,
    })
    shard.pass(11_000)
    expect(shard.target(app)).toContain('x 2\n')
  })

  test('a replay decodes only the newest snapshots at its end', () => {
    const shard = new Shard()
    const now = { wall: 1_700_000_000_000, mono: 0 }
    shard.assign({ epoch: 1, partitionCount: 1, kept: [], fresh: [0], lost: [] }, now)
    shard.replay(0, 0, 100, now)
    const app = new FakeApp()
    for (let i = 0; i < 100; i++) {
      const record = app.record({ exposition: x(i), collectedAt: now.wall - (100 - i) * 1000 })
      // Superseded snapshots are never decoded, even if they are invalid.
      if (i < 99) record.value!.fill(0xff, record.value!.length - 4)
      shard.apply(0, record, now)
    }
    expect(shard.loaded(0)).toBe(false)
    shard.fetched(0, 100, 100, now)
    expect(shard.loaded(0)).toBe(true)
    expect(shard.find(app.latin1Key)!.snapshots).toHaveLength(1)
    expect(massive(shard, { view: 'latest', format: TEXT, now })).toContain('} 99\n')
    expect(shard.counters.refused.size).toBe(0)
  })

  test('an invalid newest snapshot of a replay is refused when it is decoded, without effect on other targets', () => {
    const shard = new FakeShard()
    shard.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, shard.now)
    shard.shard.replay(0, 0, 2, shard.now)
    const bad = new FakeApp({ labels: { job: 'bad' } })
    const good = new FakeApp({ labels: { job: 'good' } })
    const record = bad.record({ exposition, collectedAt: shard.wall })
    record.value!.fill(0xff, record.value!.length - 4)
    shard.shard.apply(0, record, shard.now)
    shard.shard.apply(
      0,
      { ...good.record({ exposition, collectedAt: shard.wall }), offset: 1 },
      shard.now,
    )
    shard.shard.fetched(0, 2, 2, shard.now)
    expect(shard.appMetrics()).toBe('# HELP x X.\n# TYPE x gauge\nx{job="good"} 1\n')
    expect(shard.refusals).toHaveLength(1)
  })

  test('a snapshot that two responses cannot decode is refused once, and its layout stays with other targets', () => {
    const shard = new FakeShard()
    shard.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, shard.now)
    shard.shard.replay(0, 0, 2, shard.now)
    const records = ['bad', 'good'].map(job =>
      new FakeApp({ labels: { job } }).record({ exposition, collectedAt: shard.wall }),
    )
    records[0].value!.fill(0xff, records[0].value!.length - 4)
    for (const [offset, record] of records.entries())
      shard.shard.apply(0, { ...record, offset }, shard.now)
    shard.shard.fetched(0, 2, 2, shard.now)
    const scrapes = [0, 1].map(
      () => new MassiveScrape(shard.shard, { view: 'latest', format: TEXT, now: shard.now }),
    )
    for (const scrape of scrapes) runNow(scrape.prepare())
    for (const scrape of scrapes) for (const chunk of scrape.render()) void chunk
    for (const scrape of scrapes) runNow(scrape.end(true))
    expect(shard.refusals).toHaveLength(1)
    expectReferences(shard.shard, true)
    expect(shard.appMetrics()).toBe('# HELP x X.\n# TYPE x gauge\nx{job="good"} 1\n')
  })

  test('the targets of a lost partition and their layouts are released', () => {
    const shard = new FakeShard()
    const app = new FakeApp()
    shard.publish(app, { exposition, collectedAt: shard.wall })
    shard.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [], lost: [0] }, shard.now)
    expect(shard.shard.targetCount).toBe(0)
    runNow(shard.shard.releaseSteps())
    expect(shard.shard.store.memory.byKind()).toMatchObject({ targets: 0, layouts: 0, values: 0 })
    expect(shard.metrics()).toBe('')
    expect(shard.shard.partitions(shard.now)).toEqual([])
  })
})
