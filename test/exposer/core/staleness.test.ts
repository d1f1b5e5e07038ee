import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const exposition = '# HELP x X.\n# TYPE x gauge\nx 1\n'
const app = (instance: string, intervalMs = 15_000) =>
  new FakeApp({ labels: { job: 'j', instance }, intervalMs })

describe('staleness in log time', () => {
  test('a target is stale when the log clock has passed its last snapshot by 2.5 intervals', () => {
    const shard = new FakeShard()
    const a = app('a')
    shard.publish(a, { exposition, collectedAt: shard.wall })
    shard.fetch()
    shard.pass(37_500)
    expect(shard.state(a)).toBe('up')
    shard.pass(500)
    expect(shard.state(a)).toBe('stale')
    shard.publish(a, { exposition, collectedAt: shard.wall })
    expect(shard.state(a)).toBe('up')
  })

  test('time in which fetches fail makes targets blind, not stale', () => {
    const shard = new FakeShard()
    const a = app('a', 1000)
    shard.publish(a, { exposition, collectedAt: shard.wall })
    shard.fetch()
    shard.shard.fetchFailed([0], shard.now)
    shard.silence(14_000)
    expect(shard.state(a)).toBe('up')
    shard.silence(2000)
    expect(shard.state(a)).toBe('blind')
    expect(shard.shard.trouble(shard.now)).toBe('blind: fetches fail for partitions: 0')
    shard.fetch()
    expect(shard.state(a)).toBe('up') // a fresh window
    shard.pass(2500)
    expect(shard.state(a)).toBe('up')
    shard.pass(500)
    expect(shard.state(a)).toBe('stale')
  })

  test('a suspended shard that then receives all records in one fetch counts that time once', () => {
    const shard = new FakeShard()
    const a = app('a', 1000)
    shard.publish(a, { exposition, collectedAt: shard.wall })
    shard.fetch()
    for (let i = 0; i < 3; i++) {
      shard.silence(1000)
      shard.publish(a, { exposition, collectedAt: shard.wall })
    }
    shard.fetch()
    shard.pass(2500)
    expect(shard.state(a)).toBe('up')
    shard.pass(500)
    expect(shard.state(a)).toBe('stale')
  })

  test('a stale target stays stale when fetches fail briefly', () => {
    const shard = new FakeShard()
    const [dead, alive] = [app('dead', 1000), app('alive', 1000)]
    for (const a of [dead, alive]) shard.publish(a, { exposition, collectedAt: shard.wall })
    shard.fetch()
    for (let i = 0; i < 5; i++) {
      shard.pass(1000)
      shard.publish(alive, { exposition, collectedAt: shard.wall })
    }
    expect([shard.state(dead), shard.state(alive)]).toEqual(['stale', 'up'])
    for (let i = 0; i < 20; i++) {
      shard.shard.fetchFailed([0], shard.now)
      shard.fetch()
      expect([shard.state(dead), shard.state(alive)]).toEqual(['stale', 'up'])
      shard.pass(1000)
      shard.publish(alive, { exposition, collectedAt: shard.wall })
    }
  })

  test('no target becomes stale because a broker whose clock is behind has become the leader', () => {
    const shard = new FakeShard()
    const a = app('a', 1000)
    shard.publish(a, { exposition, collectedAt: shard.wall })
    shard.fetch()
    for (let i = 0; i < 20; i++) {
      shard.pass(1000)
      for (const record of a.records({ exposition, collectedAt: shard.wall })) {
        shard.shard.apply(0, { ...record, timestamp: record.timestamp - 8000 }, shard.now)
      }
      shard.fetch()
      expect(shard.state(a)).toBe('up')
    }
    shard.pass(4000)
    expect(shard.state(a)).toBe('stale')
  })

  test('a target that returns is exposed with its new snapshot, not with an earlier one', () => {
    const shard = new FakeShard()
    const a = app('a', 5000)
    shard.publish(a, { exposition, collectedAt: shard.wall })
    shard.fetch()
    shard.pass(60_000)
    expect(shard.state(a)).toBe('stale')
    shard.publish(a, { exposition: exposition.replace('x 1', 'x 2'), collectedAt: shard.wall })
    expect(shard.state(a)).toBe('up')
    expect(shard.target(a)).toContain('x 2')
  })

  test('a backlog delays staleness, and no target that kept publishing becomes stale', () => {
    const shard = new FakeShard()
    const alive = app('alive', 5000)
    const dead = app('dead', 5000)
    const start = shard.wall
    for (const a of [alive, dead]) shard.publish(a, { exposition, collectedAt: start })
    shard.fetch()
    shard.silence(60_000) // this process stood still; nothing failed
    for (let t = 5000; t <= 60_000; t += 5000) {
      expect(shard.state(alive)).not.toBe('stale')
      const [record] = alive.records({ exposition, collectedAt: start + t })
      shard.shard.apply(0, record, shard.now)
      shard.shard.fetched(0, record.offset + 1, 1_000_000, shard.now)
    }
    shard.fetch()
    expect(shard.state(alive)).toBe('up')
    expect(shard.state(dead)).toBe('stale')
  })

  test('a partition that is far behind its watermark fails its targets as lagging', () => {
    const shard = new FakeShard()
    const a = app('a')
    shard.publish(a, { exposition, collectedAt: shard.wall })
    shard.shard.fetched(0, 1, 500, shard.now)
    shard.silence(119_000)
    shard.shard.fetched(0, 1, 500, shard.now)
    expect(shard.state(a)).not.toBe('lagging')
    shard.silence(2000)
    shard.shard.fetched(0, 1, 500, shard.now)
    expect(shard.state(a)).toBe('lagging')
    expect(shard.shard.partitions(shard.now)[0]).toMatchObject({ lagRecords: 499, lagSeconds: 121 })
  })

  test('after a gap of the whole partition every target gets one fresh window', () => {
    const shard = new FakeShard()
    const first = app('first', 1000)
    const second = app('second', 1000)
    for (const a of [first, second]) shard.publish(a, { exposition, collectedAt: shard.wall })
    // The brokers accepted no record for a minute: the first record after it ends the gap of all
    // targets.
    shard.wall += 60_000
    shard.publish(first, { exposition, collectedAt: shard.wall })
    expect(shard.state(second)).toBe('up')
    shard.fetch()
    shard.pass(3000)
    expect(shard.state(second)).toBe('stale')
  })

  test('final values are exposed for an interval, then the target has ended, then it is removed', () => {
    const shard = new FakeShard()
    const a = app('a')
    shard.publish(a, { exposition, collectedAt: shard.wall, end: true })
    shard.pass(15_500)
    expect(shard.state(a)).toBe('up')
    shard.pass(500)
    expect(shard.state(a)).toBe('ended')
    shard.pass(299_000)
    shard.shard.sweep(shard.now)
    expect(shard.state(a)).toBe('ended')
    shard.pass(2000)
    shard.shard.sweep(shard.now)
    expect(shard.state(a)).toBe('unknown')
  })

  test('a target that ended and comes back is up again at once', () => {
    const shard = new FakeShard()
    shard.publish(app('a'), { exposition, collectedAt: shard.wall, end: true })
    shard.pass(60_000)
    const again = new FakeApp({ labels: { job: 'j', instance: 'a' }, incarnation: 2000 })
    expect(shard.state(again)).toBe('ended')
    shard.publish(again, { exposition, collectedAt: shard.wall })
    expect(shard.state(again)).toBe('up')
  })

  test('a target without a record for an hour is removed', () => {
    const shard = new FakeShard()
    const a = app('a')
    shard.publish(a, { exposition, collectedAt: shard.wall })
    shard.fetch()
    shard.pass(3_600_000)
    shard.shard.sweep(shard.now)
    expect(shard.state(a)).toBe('stale')
    shard.pass(1000)
    shard.shard.sweep(shard.now)
    expect(shard.state(a)).toBe('unknown')
    expect(shard.shard.store.memory.byKind()).toMatchObject({ targets: 0, layouts: 0, values: 0 })
  })

  test('a target that publishes in time is never stale, however fetches pause, fail and lag', () => {
    const step = fc.record({
      /** Snapshots published before the next fetch. */
      rounds: fc.integer({ min: 1, max: 40 }),
      failing: fc.boolean(),
      behind: fc.boolean(),
      /** Whether one fetch returns all of them. */
      atOnce: fc.boolean(),
      /** Time of empty fetches after that, ms. */
      quiet: fc.integer({ min: 0, max: 990 }),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), steps => {
        const shard = new FakeShard()
        const a = app('a', 1000)
        let due = shard.wall
        for (const { rounds, failing, behind, atOnce, quiet } of steps) {
          const pending = []
          for (let i = 0; i < rounds; i++) {
            due += 1000
            shard.wall = due
            pending.push(...a.records({ exposition, collectedAt: shard.wall }))
          }
          if (failing) shard.shard.fetchFailed([0], shard.now)
          for (const [i, record] of pending.entries()) {
            shard.shard.apply(0, record, shard.now)
            const last = i === pending.length - 1
            if (atOnce && !last) continue
            shard.shard.fetched(
              0,
              record.offset + 1,
              record.offset + (last && !behind ? 1 : 2),
              shard.now,
            )
            expect(shard.state(a)).not.toBe('stale')
          }
          if (behind) continue
          shard.pass(quiet)
          expect(shard.state(a)).not.toBe('stale')
        }
      }),
    )
  })
})
