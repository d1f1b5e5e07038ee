import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runNow } from '../../../shared/base/steps.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const START = 1_700_000_000_000
const WINDOW_MS = 60_000
const FORGET_MS = 600_000
const TOMBSTONE_MS = 120_000
const INTERVAL_MS = 10_000
const OPTIONS = { forgetMs: FORGET_MS, tombstoneMs: TOMBSTONE_MS }
const exposition = '# HELP x X.\n# TYPE x gauge\nx 1\n'

/** One partition: a shard that has had it from the beginning, and the log for others. */
class Log {
  readonly old = new FakeShard(START, OPTIONS)
  readonly records: LogRecord[] = []
  readonly #runs = new Map<string, FakeApp>()
  #incarnation = 1000

  app(instance: string): FakeApp {
    const known = this.#runs.get(instance)
    if (known) return known
    const app = new FakeApp({
      labels: { job: 'j', instance },
      intervalMs: INTERVAL_MS,
      incarnation: this.#incarnation++,
    })
    this.#runs.set(instance, app)
    return app
  }

  restart(instance: string): void {
    this.#runs.delete(instance)
  }

  publish(instance: string, end = false): void {
    this.#append(this.app(instance).record({ exposition, collectedAt: this.old.wall, end }))
  }

  fail(instance: string): void {
    this.#append(this.app(instance).failure('no answer', { collectedAt: this.old.wall }))
  }

  /** Advances time second by second. One app publishes all the time: log time is the wall time. */
  pass(seconds: number): void {
    for (let i = 0; i < seconds; i++) {
      this.old.pass(1000)
      this.publish('steady')
      this.old.shard.sweep(this.old.now)
    }
  }

  /** A shard that is assigned the partition now, before it has read the log before its replay. */
  replayed(): { shard: FakeShard; past: LogRecord[] } {
    const shard = new FakeShard(this.old.wall, OPTIONS, 1)
    const { core, now } = { core: shard.shard, now: shard.now }
    core.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, now)
    const within = this.records.filter(r => r.timestamp >= this.old.wall - WINDOW_MS)
    const from = within[0]?.offset ?? this.records.length
    core.replay(0, from, this.records.length, now)
    for (const record of within) core.apply(0, record, now)
    core.fetched(0, this.records.length, this.records.length, now)
    const oldest = this.old.wall - FORGET_MS
    const past = this.records.filter(r => r.offset < from && r.timestamp >= oldest)
    core.beginPast(0, now)
    return { shard, past }
  }

  /** A shard that is assigned the partition now and reads back the log. */
  successor(): FakeShard {
    const { shard, past } = this.replayed()
    for (const record of past) applyPast(shard, record)
    end(shard)
    return shard
  }

  #append(record: LogRecord): void {
    const filed = { ...record, offset: this.records.length }
    this.records.push(filed)
    this.old.shard.apply(0, filed, this.old.now)
  }
}

/** Applies a record from before the replay, and reads what it needs. */
function applyPast({ shard, now }: FakeShard, record: LogRecord): void {
  let unread = shard.applyPast(0, record, now)
  while (unread) unread = shard.applyPast(0, record, now, runNow(shard.read(unread)))
}

const end = (shard: FakeShard) => runNow(shard.shard.endPastSteps(0, shard.now))

/** State and reason of all targets by their labels. */
function verdicts({ shard, now }: FakeShard): Record<string, unknown> {
  const all = [...shard.targets()].map(target => {
    const { labels, state, reason, intervalMs, sequence, incarnation, ageSeconds } = shard.describe(
      target,
      now,
    )
    return [
      labels.instance,
      { labels, state, reason, intervalMs, sequence, incarnation, ageSeconds },
    ]
  })
  return Object.fromEntries(all.sort())
}

describe('after a restart, a target that died before the replay window', () => {
  test('is stale with the same reason', () => {
    const log = new Log()
    log.publish('dead')
    log.pass(300)
    const shard = log.successor()
    expect(shard.state(log.app('dead'))).toBe('stale')
    expect(verdicts(shard)).toEqual(verdicts(log.old))
  })

  test('is told with the reason of its last failed collection', () => {
    const log = new Log()
    log.fail('dead')
    log.pass(300)
    expect(verdicts(log.successor())).toEqual(verdicts(log.old))
    expect(JSON.stringify(verdicts(log.successor()))).toContain('no answer')
  })

  test('stays ended if it ended, and leaves with its tombstone', () => {
    const log = new Log()
    log.publish('ended')
    log.pass(10)
    log.publish('ended', true)
    log.pass(90)
    const shard = log.successor()
    expect(shard.state(log.app('ended'))).toBe('ended')
    log.pass(120)
    expect(log.old.state(log.app('ended'))).toBe('unknown')
    expect(log.successor().state(log.app('ended'))).toBe('unknown')
  })

  test('is forgotten when it has not been heard for --staleness.forget', () => {
    const log = new Log()
    log.publish('dead')
    log.pass(599)
    expect(log.successor().state(log.app('dead'))).toBe('stale')
    log.pass(2)
    expect(log.successor().state(log.app('dead'))).toBe('unknown')
  })

  test('is up again with its next snapshot', () => {
    const log = new Log()
    log.publish('dead')
    log.pass(300)
    const shard = log.successor()
    shard.publish(log.app('dead'), { exposition, collectedAt: shard.wall })
    expect(shard.state(log.app('dead'))).toBe('up')
    shard.pass(2000)
    expect(shard.target(log.app('dead'))).toContain(exposition)
  })
})

test('a target that ends while the log is read back does not return as a stale one', () => {
  const log = new Log()
  log.publish('a')
  log.pass(300)
  log.publish('a', true)
  log.pass(50)
  const { shard, past } = log.replayed()
  shard.pass(TOMBSTONE_MS + INTERVAL_MS + 2000)
  shard.shard.sweep(shard.now)
  for (const record of past) applyPast(shard, record)
  end(shard)
  shard.shard.sweep(shard.now)
  expect(shard.state(log.app('a'))).toBe('unknown')
})

test('a snapshot that arrives while the log is read back is later than all of it', () => {
  const log = new Log()
  log.publish('a')
  log.pass(300)
  const { shard, past } = log.replayed()
  for (const record of past) applyPast(shard, record)
  shard.publish(log.app('a'), { exposition, collectedAt: shard.wall })
  end(shard)
  expect(shard.state(log.app('a'))).toBe('up')
  expect([...shard.shard.targets()]).toHaveLength(2)
})

test('if all targets of a partition died before the window, all are stale', () => {
  const log = new Log()
  log.publish('a')
  log.publish('b')
  log.old.fetch()
  log.old.pass(300_000)
  const shard = log.successor()
  expect(verdicts(shard)).toEqual(verdicts(log.old))
  expect(shard.state(log.app('a'))).toBe('stale')
})

test('a lost partition leaves nothing of what was read back', () => {
  const log = new Log()
  for (let i = 0; i < 50; i++) log.publish(`dead-${i}`)
  log.pass(300)
  const { shard, past } = log.replayed()
  for (const record of past) applyPast(shard, record)
  shard.shard.assign({ epoch: 3, partitionCount: 1, kept: [], fresh: [], lost: [0] }, shard.now)
  runNow(shard.shard.releaseSteps())
  end(shard)
  const { targets, values } = shard.shard.store.memory.byKind()
  expect([shard.shard.targetCount, targets, values]).toEqual([0, 0, 0])
})

test('targets beyond the limit of the shard are refused and counted', () => {
  const log = new Log()
  for (let i = 0; i < 10; i++) log.publish(`dead-${i}`)
  log.pass(300)
  const { shard, past } = log.replayed()
  Object.assign(shard.shard.options, { maxTargets: 6 })
  for (const record of past) applyPast(shard, record)
  end(shard)
  expect(shard.shard.targetCount).toBe(6)
  expect(shard.shard.counters.refused.get('limit')).toBe(5)
})

test('whatever applications do, a successor tells every target as its predecessor does', () => {
  const step = fc.record({
    kind: fc.constantFrom('publish', 'publish', 'fail', 'end', 'restart'),
    instance: fc.constantFrom('a', 'b', 'c', 'd'),
    seconds: fc.integer({ min: 0, max: 150 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 15 }), steps => {
      const log = new Log()
      for (const { kind, instance, seconds } of steps) {
        if (kind === 'restart') log.restart(instance)
        else if (kind === 'fail') log.fail(instance)
        else log.publish(instance, kind === 'end')
        if (kind === 'end') log.restart(instance)
        log.pass(seconds)
      }
      log.pass(1)
      const shard = log.successor()
      shard.shard.sweep(shard.now)
      expect(verdicts(shard)).toEqual(verdicts(log.old))
    }),
    { numRuns: 60 },
  )
})
