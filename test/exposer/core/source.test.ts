import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Subscriber } from '../../../exposer/core/source.js'
import { FakeApp } from '../../support/records.js'
import { expectNothingHeld, expectReferences } from '../../support/references.js'
import { FakeShard } from '../../support/shard.js'
import { ShardFold } from '../../support/shard-fold.js'
import { anyStep, ShardHistory } from '../../support/shard-history.js'

const gauges = (...names: string[]) =>
  names.map(name => `# HELP ${name} G.\n# TYPE ${name} gauge\n${name} 1\n`).join('')

const setting = (options: ConstructorParameters<typeof FakeShard>[1] = {}) => {
  const shard = new FakeShard(undefined, options)
  const app = new FakeApp({ intervalMs: 1000 })
  const fold = new ShardFold(shard.shard)
  const unsubscribe = shard.shard.subscribe(fold, shard.now)
  const publish = (...names: string[]) => {
    shard.pass(1000)
    shard.publish(app, { exposition: gauges(...names), collectedAt: shard.wall })
  }
  const sweep = () => {
    shard.shard.sweep(shard.now)
    fold.expectSame(shard.now, true)
  }
  return { shard, app, fold, publish, sweep, unsubscribe }
}

describe('a subscriber', () => {
  test('is notified of each snapshot, and of the transitions that records cause, at once', () => {
    const { shard, app, fold, publish } = setting()
    publish('x')
    publish('x', 'y')
    shard.pass(1000)
    shard.fail(app, 'no answer')
    publish('y')
    expect(fold.transitions).toEqual(['null→up', 'up→failed', 'failed→up'])
    expect(fold.applied).toBe(4)
    fold.expectSame(shard.now, false)
  })

  test('is notified of the transitions that time causes by the next sweep', () => {
    const { shard, fold, publish, sweep } = setting()
    publish('x')
    shard.pass(4000)
    expect(fold.transitions).toEqual(['null→up'])
    sweep()
    shard.shard.fetchFailed([0], shard.now)
    shard.silence(16_000)
    sweep()
    shard.fetch()
    sweep()
    expect(fold.transitions).toEqual(['null→up', 'up→stale', 'stale→blind', 'blind→stale'])
  })

  test('is notified that a target was stale although it returned before a sweep, as in a backlog', () => {
    const { shard, app, fold, publish } = setting()
    publish('x')
    const neighbour = new FakeApp({ labels: { job: 'neighbour' }, intervalMs: 1000 })
    for (let second = 1; second <= 20; second++) {
      const at = shard.wall + second * 1000
      const from = { exposition: gauges('x'), collectedAt: at, appendedAt: at }
      shard.publish(neighbour, from)
      if ([10, 11, 20].includes(second)) shard.publish(app, from)
    }
    fold.transitions.splice(1, 1)
    expect(fold.transitions).toEqual(['null→up', 'up→stale', 'stale→up', 'up→stale', 'stale→up'])
  })

  test('is notified why a target left: its partition moved, it was silent for long, or it ended', () => {
    const { shard, app, fold, publish, sweep } = setting({ forgetMs: 60_000, tombstoneMs: 10_000 })
    publish('x')
    shard.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, shard.now)
    shard.shard.replay(0, 0, 0, shard.now)
    publish('x')
    shard.pass(61_000)
    sweep()
    publish('x')
    shard.pass(1000)
    shard.publish(app, { exposition: gauges('x'), collectedAt: shard.wall, end: true })
    shard.pass(5000)
    sweep()
    expect(fold.transitions.at(-1)).toBe('up→ended')
    shard.pass(10_000)
    sweep()
    expect(fold.left).toEqual(['moved', 'forgotten', 'ended'])
  })

  test('is notified of the end of a replay, with the newest snapshot', () => {
    const { shard, app, fold, sweep } = setting()
    shard.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, shard.now)
    shard.shard.replay(0, 0, 2, shard.now)
    for (let i = 0; i < 2; i++) {
      shard.wall += 1000
      shard.publish(app, { exposition: gauges('x', `only_${i}`), collectedAt: shard.wall })
    }
    expect(fold.transitions).toEqual(['null→replaying'])
    shard.shard.fetched(0, 2, 2, shard.now)
    sweep()
    expect(fold.transitions).toEqual(['null→replaying', 'replaying→up'])
    expect(fold.applied).toBe(0)
  })

  test('is notified of a target whose first snapshot is over a limit', () => {
    const { shard, app, fold } = setting({
      limits: {
        samples: 1,
        labels: 64,
        nameBytes: 1024,
        valueBytes: 4096,
        bytes: 1 << 20,
        parts: 8,
      },
    })
    shard.publish(app, { exposition: gauges('x', 'y'), collectedAt: shard.wall })
    expect(fold.transitions).toEqual(['null→over_limit'])
    const other = new FakeApp({ labels: { job: 'kafka-exposer' } })
    shard.publish(other, { exposition: gauges('x'), collectedAt: shard.wall })
    fold.expectSame(shard.now, true)
  })

  test('that subscribes later is notified of the present targets, and one that has unsubscribed of nothing more', () => {
    const { shard, fold, publish, unsubscribe } = setting()
    publish('x')
    shard.pass(4000)
    const later = new ShardFold(shard.shard)
    shard.shard.subscribe(later, shard.now)
    expect(later.transitions).toEqual(['null→stale'])
    expect(fold.transitions).toEqual(['null→up', 'up→stale'])
    unsubscribe()
    publish('y')
    shard.shard.sweep(shard.now)
    later.expectSame(shard.now, true)
    expect(fold.applied).toBe(1)
  })

  test('may hold a snapshot for longer than the shard does, and its values do not change', () => {
    const { shard, app, publish } = setting({ playoutDelayMs: 0 })
    const { store } = shard.shard
    const held: { snapshot: Parameters<Subscriber['onApplied']>[0]; values: number[] }[] = []
    const end = shard.shard.subscribe(
      {
        onState() {},
        onApplied(snapshot) {
          store.acquire(snapshot)
          held.push({ snapshot, values: [...snapshot.parts[0].values!] })
        },
        onUnreadable() {},
        onLeft() {},
      },
      shard.now,
    )
    for (let i = 0; i < 20; i++) {
      shard.pass(1000)
      const exposition = `# HELP x X.\n# TYPE x gauge\nx ${i}\n`
      shard.publish(app, { exposition, collectedAt: shard.wall })
    }
    for (const { snapshot, values } of held) expect([...snapshot.parts[0].values!]).toEqual(values)
    expect(shard.shard.ledger.pending).toBe(20)
    end()
    for (const { snapshot } of held) store.release(snapshot)
    expect(shard.shard.ledger.entry()).toMatchObject({ pending: 1, dropped: { unscraped: 19 } })
    publish('x')
    expectReferences(shard.shard, true)
  })

  test('can derive from its notifications the targets and series at any time, and their states after a sweep', () => {
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 80, size: 'max' }),
        fc.record({
          playoutDelayMs: fc.constantFrom(0, 1500),
          forgetMs: fc.constant(30_000),
          tombstoneMs: fc.constant(3000),
          maxAgeMs: fc.constant(20_000),
        }),
        fc.nat(20),
        (steps, options, subscribeAt) => {
          let consumed = 0
          const history = new ShardHistory({
            ...options,
            onDelay: stage => {
              if (stage === 'consume') consumed++
            },
          })
          const { shard } = history
          const fold = new ShardFold(shard)
          for (const [i, step] of steps.entries()) {
            if (i === subscribeAt) {
              consumed = 0
              shard.subscribe(fold, history.fake.now)
            }
            history.take(step)
            if (i < subscribeAt) continue
            fold.expectSame(history.fake.now, step.do === 'pass')
            expect(fold.applied).toBe(consumed)
          }
          history.finish()
          expectNothingHeld(shard)
        },
      ),
      { numRuns: 150 },
    )
  })
})
