import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bookWritten } from '../../../exposer/core/booking.js'
import { runNow } from '../../../shared/base/steps.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const exposition = '# HELP x X.\n# TYPE x gauge\nx 1\n'
const tooMuch = `# HELP x X.\n# TYPE x gauge\n${Array.from({ length: 4 }, (_, i) => `x{i="${i}"} 1\n`).join('')}`
const limits = {
  limits: { samples: 3, labels: 64, nameBytes: 1024, valueBytes: 4096, bytes: 1 << 20, parts: 8 },
}

/** A scrape whose response is received completely or not at all. */
function scrape(shard: FakeShard, app: FakeApp, whole = true): void {
  const target = shard.shard.find(app.latin1Key)
  const played = target && shard.shard.played(target, shard.now)
  if (!target || !played) return
  shard.shard.store.acquire(played)
  if (whole) bookWritten(played)
  shard.shard.store.release(played)
}

describe('the ledger counts each snapshot once', () => {
  const setting = () => {
    const shard = new FakeShard(undefined, { ...limits, playoutDelayMs: 0 })
    const app = new FakeApp({ intervalMs: 1000 })
    const publish = (more: Partial<Parameters<FakeApp['records']>[0]> = {}, from = app) => {
      shard.wall += 1000
      shard.publish(from, { exposition, collectedAt: shard.wall, ...more })
    }
    return { shard, app, publish, entry: () => shard.shard.ledger.entry() }
  }

  test('as written when a scraper has received it completely; once, however often it is scraped', () => {
    const { shard, app, publish, entry } = setting()
    publish()
    expect(entry()).toMatchObject({ published: 1, pending: 1, written: 0 })
    scrape(shard, app, false)
    expect(entry()).toMatchObject({ pending: 1, written: 0 })
    scrape(shard, app)
    scrape(shard, app)
    expect(entry()).toMatchObject({ published: 1, pending: 0, written: 1, dropped: {} })
  })

  test('as unscraped when a newer one arrives before a scrape', () => {
    const { publish, entry } = setting()
    publish()
    publish()
    publish()
    expect(entry()).toMatchObject({ published: 3, pending: 1, dropped: { unscraped: 2 } })
  })

  test('as written when it is replaced while a response with it is sent, and as unscraped when that response fails', () => {
    const { shard, app, publish, entry } = setting()
    for (const written of [true, false]) {
      publish()
      const target = shard.shard.find(app.latin1Key)!
      const played = shard.shard.played(target, shard.now)!
      shard.shard.store.acquire(played)
      publish()
      expect(entry().dropped.unscraped ?? 0).toBe(0)
      if (written) bookWritten(played)
      shard.shard.store.release(played)
      scrape(shard, app)
    }
    expect(entry()).toMatchObject({
      published: 4,
      written: 3,
      pending: 0,
      dropped: { unscraped: 1 },
    })
  })

  test('as superseded when its publisher replaced it before sending; as missed when it was sent and did not arrive', () => {
    const { publish, entry } = setting()
    publish({ sequence: 0 })
    publish({ sequence: 5, superseded: 3 })
    expect(entry()).toMatchObject({ published: 6, superseded: 3, missed: 1 })
  })

  test('as superseded also before the first snapshot of an app that started during an outage', () => {
    const { publish, entry } = setting()
    publish({ sequence: 7, superseded: 7 })
    expect(entry()).toMatchObject({ published: 8, superseded: 7, missed: 0, pending: 1 })
  })

  test('from the first one received, of an app whose earlier snapshots may have been sent before the assignment', () => {
    const { publish, entry } = setting()
    publish({ sequence: 70, superseded: 7 })
    expect(entry()).toMatchObject({ published: 1, superseded: 0, missed: 0, pending: 1 })
  })

  test('a restart of an app is no loss', () => {
    const { shard, app, publish, entry } = setting()
    publish({ sequence: 9, superseded: 0 })
    scrape(shard, app)
    publish({ sequence: 0 }, new FakeApp({ intervalMs: 1000, incarnation: 2000 }))
    expect(entry()).toMatchObject({ published: 2, written: 1, pending: 1, missed: 0 })
  })

  test('a record that is delivered again is not counted again', () => {
    const { shard, app, publish, entry } = setting()
    publish()
    const before = entry()
    shard.publish(app, { exposition, collectedAt: shard.wall, sequence: 0 })
    expect(shard.refusals).toEqual(['order'])
    expect(entry()).toEqual(before)
  })

  test('a refused snapshot is counted once, and not also as missed', () => {
    const { publish, entry } = setting()
    publish()
    publish({ exposition: tooMuch })
    publish({ exposition: tooMuch })
    publish()
    expect(entry()).toMatchObject({
      published: 4,
      missed: 0,
      pending: 1,
      dropped: { refused_limit: 2, unscraped: 1 },
    })
  })

  test('a sequence that jumps far does not keep it from adding up', () => {
    const { shard, app, entry } = setting()
    for (const sequence of [0, 2 ** 53 - 4, 2 ** 53 - 2]) {
      shard.wall += 1000
      shard.publish(app, { exposition, collectedAt: shard.wall, sequence })
    }
    scrape(shard, app)
    const { published, written, pending, missed, dropped } = entry()!
    expect([written, pending]).toEqual([1, 0])
    expect(missed).toBeGreaterThan(1e9)
    expect(published).toBe(written + missed + (dropped.unscraped ?? 0))
  })

  test('moved, when the partition became another shard’s', () => {
    const { shard, publish, entry } = setting()
    publish()
    shard.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [], lost: [0] }, shard.now)
    runNow(shard.shard.releaseSteps())
    expect(entry()).toMatchObject({ published: 1, pending: 0, dropped: { moved: 1 } })
  })

  test('snapshots of a replay are not counted, only those after it', () => {
    const { shard, app, entry } = setting()
    shard.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, shard.now)
    shard.shard.replay(0, 0, 3, shard.now)
    for (let i = 0; i < 3; i++) {
      shard.wall += 1000
      shard.publish(app, { exposition, collectedAt: shard.wall })
    }
    shard.shard.fetched(0, 3, 3, shard.now)
    scrape(shard, app)
    expect(entry()).toMatchObject({ published: 0, written: 0, pending: 0 })
    shard.wall += 1000
    shard.publish(app, { exposition, collectedAt: shard.wall, sequence: 5, superseded: 1 })
    expect(entry()).toMatchObject({ published: 3, superseded: 1, missed: 1, pending: 1 })
  })

  test('it adds up after any sequence of events, and pending are the held snapshots that were not written', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('publish' as const),
        app: fc.nat(2),
        skipped: fc.nat(3),
        replaced: fc.nat(3),
        bad: fc.boolean(),
        again: fc.boolean(),
        restart: fc.boolean(),
        fails: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('scrape' as const), app: fc.nat(2), whole: fc.boolean() }),
      fc.record({ kind: fc.constant('move' as const) }),
      fc.record({ kind: fc.constant('sweep' as const) }),
    )
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.constantFrom(0, 1500),
        (steps, playoutDelayMs) => {
          const shard = new FakeShard(undefined, { ...limits, playoutDelayMs })
          const apps = Array.from({ length: 3 }, () => ({
            incarnation: 1000,
            next: 0,
            superseded: 0,
          }))
          const appOf = (n: number) =>
            new FakeApp({
              labels: { job: 'j', instance: `${n}` },
              intervalMs: 1000,
              incarnation: apps[n].incarnation,
            })
          for (const one of steps) {
            shard.wall += 700
            if (one.kind === 'publish') {
              const app = apps[one.app]
              if (one.restart)
                Object.assign(app, { incarnation: app.incarnation + 1, next: 0, superseded: 0 })
              const replaced = Math.min(one.replaced, one.skipped)
              if (!one.again) {
                app.next += one.skipped
                app.superseded += replaced
              }
              const sequence = one.again ? Math.max(0, app.next - 1) : app.next++
              const fake = appOf(one.app)
              if (one.fails) {
                const failure = fake.failure('why', {
                  collectedAt: shard.wall,
                  sequence,
                  superseded: app.superseded,
                })
                shard.shard.apply(0, failure, shard.now)
              } else
                shard.publish(fake, {
                  exposition: one.bad ? tooMuch : exposition,
                  collectedAt: shard.wall,
                  sequence,
                  superseded: app.superseded,
                })
            } else if (one.kind === 'scrape') scrape(shard, appOf(one.app), one.whole)
            else if (one.kind === 'move') {
              shard.shard.assign(
                { epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] },
                shard.now,
              )
              shard.shard.replay(0, 0, 0, shard.now)
              runNow(shard.shard.releaseSteps())
            } else {
              shard.pass(4_000_000)
              shard.shard.sweep(shard.now)
            }
            const { ledger } = shard.shard
            const pending = [...shard.shard.targets()]
              .flatMap(target => target.snapshots)
              .filter(s => s.fate === 'pending')
            expect(ledger.pending).toBe(pending.length)
            const { published, written, superseded, missed, dropped } = ledger.entry()
            const droppedSum = Object.values(dropped).reduce((a, b) => a + b, 0)
            expect(published).toBe(written + superseded + missed + droppedSum + pending.length)
          }
        },
      ),
    )
  })
})

describe('limits', () => {
  test('a target over a limit fails with the reason, other targets do not, and it recovers with the next valid snapshot', () => {
    const shard = new FakeShard(undefined, limits)
    const good = new FakeApp({ labels: { job: 'j', instance: 'good' } })
    const bad = new FakeApp({ labels: { job: 'j', instance: 'bad' } })
    const publish = (app: FakeApp, text: string) =>
      shard.publish(app, { exposition: text, collectedAt: shard.wall })
    publish(good, exposition)
    publish(bad, tooMuch)
    expect([shard.state(good), shard.state(bad)]).toEqual(['up', 'over_limit'])
    expect(shard.shard.judge(shard.shard.find(bad.latin1Key)!, shard.now).reason).toContain(
      'over the limit of 3',
    )
    expect(shard.appMetrics()).not.toContain('instance="bad"')
    shard.pass(15_000)
    publish(good, exposition)
    publish(bad, exposition)
    expect([shard.state(good), shard.state(bad)]).toEqual(['up', 'up'])
    shard.pass(15_000)
    publish(good, exposition)
    publish(bad, tooMuch)
    expect([shard.state(good), shard.state(bad)]).toEqual(['up', 'over_limit'])
    shard.pass(38_500)
    expect(shard.state(bad)).toBe('stale')
    expect(shard.shard.judge(shard.shard.find(bad.latin1Key)!, shard.now).reason).toContain(
      'the last snapshot was refused',
    )
  })

  test('a target that was never within its limits is removed like any other', () => {
    const shard = new FakeShard(undefined, limits)
    const bad = new FakeApp()
    shard.publish(bad, { exposition: tooMuch, collectedAt: shard.wall })
    shard.shard.sweep(shard.now)
    expect(shard.state(bad)).toBe('over_limit')
    shard.fetch()
    shard.pass(3_601_000)
    shard.shard.sweep(shard.now)
    expect(shard.state(bad)).toBe('unknown')
  })
})
