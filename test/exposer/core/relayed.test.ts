import { describe, expect, test } from 'vitest'
import type { Shard } from '../../../exposer/core/shard.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import { RELAYED_RUNS } from '../../../shared/snapshot/relayed.js'
import { FakeApp, type SnapshotOptions } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const x = (value: number) => `# HELP x X.\n# TYPE x gauge\nx ${value}\n`
const INTERVAL_MS = 10_000

type Relayed = Omit<SnapshotOptions, 'exposition' | 'collectedAt' | 'sequence'>

/** One target, that is relayed and may publish itself. Log time goes on. */
const setting = (options: ConstructorParameters<typeof FakeShard>[1] = {}) => {
  const shard = new FakeShard(undefined, { playoutDelayMs: 0, ...options })
  const start = shard.wall
  const apps = {
    push: new FakeApp({ intervalMs: INTERVAL_MS, incarnation: RELAYED_RUNS.push }),
    mirror: new FakeApp({ intervalMs: INTERVAL_MS, incarnation: RELAYED_RUNS.mirror }),
    native: new FakeApp({ intervalMs: INTERVAL_MS, incarnation: 1000 }),
  }
  const slow = new FakeApp({ intervalMs: 600_000, incarnation: RELAYED_RUNS.mirror })
  let offset = 0
  const append = (record: LogRecord) => {
    shard.shard.apply(0, { ...record, offset: offset++, timestamp: shard.wall }, shard.now)
    shard.fetch()
  }
  /** Appends a snapshot with this value, collected this many seconds ago. */
  const relay = (
    value: number,
    ago = 0,
    {
      run = 'mirror',
      more = '',
      ...options
    }: Relayed & { run?: keyof typeof apps; more?: string } = {},
  ) => {
    const collectedAt = shard.wall - 1000 * ago
    const sequence = run === 'native' ? undefined : collectedAt
    const exposition = more ? `${x(value)}# TYPE y gauge\n${more}\n` : x(value)
    append(apps[run].record({ ...options, exposition, collectedAt, sequence }))
  }
  const fail = (ago = 0) => {
    const collectedAt = shard.wall - 1000 * ago
    append(apps.mirror.failure('no answer', { collectedAt, sequence: collectedAt }))
  }
  const target = () => shard.shard.find(apps.push.latin1Key)!
  const status = () => shard.shard.describe(target(), shard.now)
  const shown = () => Number(/^x (\d+)$/m.exec(shard.target(apps.push))?.[1] ?? Number.NaN)
  const age = () =>
    Number(/^exposer_target_snapshot_age_seconds (\S+)$/m.exec(shard.target(apps.push))?.[1])
  const { counters, ledger } = shard.shard
  const all = (scraper: string) =>
    [...shard.all(scraper).matchAll(/^x\{.*\} (\d+) (\d+)$/gm)].map(
      ([, value, ms]) => `${value}@${(Number(ms) - start) / 1000}`,
    )
  return { shard, slow, append, relay, fail, target, status, shown, age, all, counters, ledger }
}

const addsUp = ({ ledger }: Shard) => {
  const { published, dropped, ...terms } = ledger.entry()
  const counts = [...Object.values(terms), ...Object.values(dropped)]
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(0)
  expect(counts.reduce((a, b) => a + b, 0)).toBe(published)
}

describe('a relayed run', () => {
  test('is exposed like any other, named in the status of its target, and its gaps are not counted', () => {
    const { shard, relay, status, shown, ledger } = setting()
    relay(1)
    shard.pass(INTERVAL_MS)
    relay(2, 0, { superseded: 17 })
    expect(shown()).toBe(2)
    expect(status()).toMatchObject({ state: 'up', relayed: 'mirror', runs: 1 })
    expect(ledger.entry()).toMatchObject({ published: 2, missed: 0, superseded: 0 })
  })

  test('may have an interval of ten minutes, an application of two', () => {
    const { shard, slow, append, status } = setting()
    append(slow.record({ exposition: x(1), collectedAt: shard.wall, sequence: shard.wall }))
    shard.pass(1_400_000)
    expect(status().state).toBe('up')
    shard.pass(110_000)
    expect(status().state).toBe('stale')
    const app = new FakeApp({ labels: { job: 'b' }, intervalMs: 120_001 })
    append(app.record({ exposition: x(1), collectedAt: shard.wall }))
    expect(shard.refusals).toEqual(['limit'])
  })

  test('of a mirror is up until --staleness.max-age without a record, and down with a failed scrape', () => {
    const { shard, relay, fail, status } = setting({ maxAgeMs: 60_000 })
    relay(1)
    shard.pass(60_000)
    expect(status().state).toBe('up')
    fail()
    expect(status().state).toBe('failed')
    relay(2, -0.001)
    expect(status().state).toBe('up')
    shard.pass(60_001)
    expect(status()).toMatchObject({
      state: 'stale',
      reason: 'no snapshot for 60.0 s, the publish interval is 10.0 s',
    })
  })

  test('of a push group is stale after 2.5 intervals, and so is an application', () => {
    for (const run of ['push', 'native'] as const) {
      const { shard, relay, status } = setting()
      relay(1, 0, { run })
      shard.pass(2.5 * INTERVAL_MS)
      expect(status().state).toBe('up')
      shard.pass(1)
      expect(status().state).toBe('stale')
    }
  })

  test('is numbered by time: an application that takes its incarnation by mistake is told', () => {
    const { shard, append } = setting()
    const app = new FakeApp({ labels: { job: 'b' }, incarnation: 0 })
    append(app.record({ exposition: x(1), collectedAt: shard.wall, sequence: 0 }))
    expect(shard.refusals).toEqual(['order'])
    expect(shard.shard.targetCount).toBe(0)
  })

  test('is repeated by other gateways: what is not newer is counted and changes nothing', () => {
    const { shard, relay, fail, status, shown, all, counters, ledger } = setting()
    all('p')
    relay(1)
    shard.pass(INTERVAL_MS)
    relay(2)
    relay(1, 10)
    relay(3, 0)
    fail()
    relay(2, 0, { end: true })
    shard.pass(INTERVAL_MS)
    relay(2, 10)
    expect(shown()).toBe(2)
    expect(counters.repeated).toBe(5)
    expect(shard.refusals).toEqual([])
    expect(ledger.published).toBe(2)
    expect(all('p')).toEqual(['1@0', '2@10'])
    // A repeat does not keep its target up.
    shard.pass(111_000)
    relay(2, 121)
    expect(status().state).toBe('stale')
    addsUp(shard.shard)
  })

  test('ends once, however often its end comes, and may go on', () => {
    const { shard, relay, status, shown, counters } = setting()
    relay(1)
    shard.pass(INTERVAL_MS)
    relay(2, 0, { end: true })
    expect([status().state, shown()]).toEqual(['up', 2])
    for (let i = 0; i < 3; i++) {
      shard.pass(INTERVAL_MS)
      relay(2, 0, { end: true })
      expect(status().state).toBe('ended')
    }
    expect(counters.repeated).toBe(3)
    shard.pass(INTERVAL_MS)
    relay(3)
    expect([status().state, shown()]).toEqual(['up', 3])
    addsUp(shard.shard)
  })

  test('has ended at once if only its end is known, and the target does not come back', () => {
    const { shard, relay, status, target } = setting()
    relay(1, 0, { end: true })
    expect(status().state).toBe('ended')
    shard.pass(310_000)
    shard.shard.sweep(shard.now)
    expect(target()).toBeUndefined()
    relay(1, 0, { end: true })
    expect(status().state).toBe('ended')
  })

  test('that goes on after an end that was not exposed is exposed at once, without the values of that end', () => {
    const { shard, relay, status, shown } = setting({ playoutDelayMs: 5000 })
    relay(1, 0, { end: true })
    expect(status().state).toBe('ended')
    shard.pass(1000)
    relay(2)
    expect([status().state, shown()]).toEqual(['up', 2])
  })

  test('from the future is refused, and silences neither itself nor another run', () => {
    const { shard, relay, status, shown, ledger } = setting()
    relay(1, 0, { run: 'push' })
    relay(2, -10.001)
    expect(shown()).toBe(1)
    for (let i = 0; i < 4; i++) {
      shard.pass(INTERVAL_MS)
      relay(9, -60)
      relay(3 + i, 0, { run: 'push' })
      expect(status()).toMatchObject({ state: 'up', relayed: 'push' })
      expect(shown()).toBe(3 + i)
    }
    relay(8, -10)
    expect(status().relayed).toBe('mirror')
    shard.pass(INTERVAL_MS)
    expect(shown()).toBe(8)
    expect(shard.refusals).toEqual(Array(5).fill('clock'))
    expect(ledger.dropped.get('refused_clock')).toBe(5)
    addsUp(shard.shard)
  })
})

test('a refused relayed snapshot is counted, also after one from the future', () => {
  const { shard, relay, ledger } = setting({ limits: { ...DEFAULT_LIMITS, samples: 1 } })
  relay(1)
  relay(2, -60)
  shard.pass(INTERVAL_MS)
  relay(3, 0, { more: 'y 1' })
  expect(shard.refusals).toEqual(['clock', 'limit'])
  expect(Object.fromEntries(ledger.dropped)).toEqual({ refused_clock: 1, refused_limit: 1 })
  addsUp(shard.shard)
})

describe('of a relayed run and another with the same labels', () => {
  test('the native one wins at once, and the relayed one goes on when that has ended', () => {
    const { shard, relay, status, shown } = setting()
    relay(1)
    relay(2, 0, { run: 'native' })
    expect([shown(), status().relayed]).toEqual([2, null])
    for (let i = 0; i < 3; i++) {
      shard.pass(INTERVAL_MS)
      relay(3)
      expect(shown()).toBe(2)
      relay(2, 0, { run: 'native' })
    }
    expect(shard.refusals).toEqual(Array(3).fill('incarnation'))
    expect(status().warning).toContain('2 runs publish')
    relay(4, -0.001, { run: 'native', end: true })
    shard.pass(INTERVAL_MS)
    relay(5)
    expect([status().state, shown(), status().relayed]).toEqual(['up', 5, 'mirror'])
    addsUp(shard.shard)
  })

  test('the relayed one goes on when the native one is stale, and the target is not down between', () => {
    const { shard, relay, status, shown } = setting()
    relay(2, 0, { run: 'native' })
    for (let i = 0; i < 40; i++) {
      if (i % 10 === 5) relay(1)
      shard.pass(1000)
      expect(status().state).toBe('up')
    }
    expect([shown(), status().relayed]).toEqual([1, 'mirror'])
  })

  test('the relayed one does not keep the target up for longer than the native one may be silent', () => {
    const { shard, slow, append, relay, status } = setting()
    relay(1, 0, { run: 'native' })
    append(slow.record({ exposition: x(2), collectedAt: shard.wall, sequence: shard.wall }))
    shard.pass(2.5 * INTERVAL_MS)
    expect(status().state).toBe('up')
    shard.pass(1000)
    expect(status().state).toBe('stale')
    append(slow.record({ exposition: x(3), collectedAt: shard.wall, sequence: shard.wall }))
    expect(status()).toMatchObject({ state: 'up', relayed: 'mirror' })
  })

  test('a refused relayed record does not show a native target that is over a limit as up', () => {
    const { shard, relay, status } = setting({ limits: { ...DEFAULT_LIMITS, samples: 1 } })
    relay(1, 0, { run: 'native' })
    shard.pass(INTERVAL_MS)
    relay(2, 0, { run: 'native', more: 'y 1' })
    expect(status().state).toBe('over_limit')
    relay(3, -60)
    expect(status().state).toBe('over_limit')
    relay(4)
    expect(status().state).toBe('over_limit')
    expect(shard.refusals).toEqual(['limit', 'clock', 'incarnation'])
    addsUp(shard.shard)
  })

  test('no relayed record drops the parts of a native snapshot that is arriving', () => {
    const { shard, append, relay, shown, counters } = setting()
    const split = new FakeApp({ intervalMs: INTERVAL_MS, incarnation: 1000, partBytes: 1 })
    relay(1)
    for (const record of split.records({
      exposition: `${x(2)}# TYPE y gauge\ny 1\n`,
      collectedAt: shard.wall,
    })) {
      append(record)
      shard.pass(1000)
      relay(3)
    }
    expect(shown()).toBe(2)
    expect(shard.refusals).toEqual(['incarnation'])
    expect(counters.repeated).toBe(0)
  })

  test('a relayed snapshot of several parts is accepted when a native run of several parts has ended', () => {
    const { shard, append, shown } = setting()
    const options = { intervalMs: INTERVAL_MS, partBytes: 1 }
    const native = new FakeApp({ ...options, incarnation: 1000 })
    const mirror = new FakeApp({ ...options, incarnation: RELAYED_RUNS.mirror })
    const exposition = (value: number) => `${x(value)}# TYPE y gauge\ny 1\n`
    for (const record of native.records({
      exposition: exposition(1),
      collectedAt: shard.wall,
      end: true,
    }))
      append(record)
    shard.pass(1000)
    for (const record of mirror.records({
      exposition: exposition(2),
      collectedAt: shard.wall,
      sequence: shard.wall,
    }))
      append(record)
    expect(shard.refusals).toEqual([])
    shard.pass(INTERVAL_MS)
    expect(shown()).toBe(2)
  })

  test('nothing of a native run is missed before its first record, when relayed ones came before', () => {
    const { relay, shard, append, ledger } = setting()
    relay(1)
    const app = new FakeApp({ intervalMs: INTERVAL_MS, incarnation: 1000 })
    append(app.record({ exposition: x(1), collectedAt: shard.wall, sequence: 400 }))
    expect(ledger.missed).toBe(0)
  })

  test('a mirror is exposed while it is alive, and a push group when it is not', () => {
    const { shard, relay, shown } = setting()
    relay(1, 0, { run: 'mirror' })
    relay(2, 0, { run: 'push' })
    expect(shown()).toBe(1)
    shard.pass(121_000)
    relay(3, 0, { run: 'push' })
    expect(shown()).toBe(3)
    relay(4, 0, { run: 'mirror' })
    expect(shown()).toBe(4)
  })

  test('a mirror that catches up hides no push group', () => {
    const { shard, relay, status, shown } = setting()
    relay(1, 0, { run: 'mirror' })
    shard.pass(300_000)
    for (let i = 0; i < 4; i++) {
      relay(10 + i, 290 - i, { run: 'mirror' })
      relay(i, 0, { run: 'push' })
      expect([status().state, shown(), status().runs]).toEqual(['up', i, 1])
      shard.pass(INTERVAL_MS)
    }
    expect(shard.refusals).toEqual([])
  })
})

describe('backfill', () => {
  test('keeps its time and feeds no playout delay', () => {
    const { shard, relay, age, status, counters } = setting({ playoutDelayMs: 'auto' })
    for (let i = 0; i < 5; i++) {
      relay(i, 25)
      shard.pass(INTERVAL_MS)
    }
    const { playoutSeconds } = status()
    expect(playoutSeconds).toBeGreaterThan(25)
    for (let i = 0; i < 5; i++) {
      relay(i, 31 + i)
      expect(age()).toBeCloseTo(31 + i)
      shard.pass(INTERVAL_MS)
    }
    expect(status().playoutSeconds).toBe(playoutSeconds)
    expect(counters.skewed).toBe(0)
  })

  test('the first snapshot of a mirror, held back for an interval, feeds no playout delay', () => {
    const { shard, relay, status } = setting({ playoutDelayMs: 'auto' })
    relay(1, INTERVAL_MS / 1000)
    for (let i = 2; i < 6; i++) {
      relay(i, 0.2)
      shard.pass(INTERVAL_MS)
    }
    expect(status().playoutSeconds).toBeLessThan(2)
  })

  test('makes its target alive until it is older than --staleness.max-age', () => {
    const { shard, relay, status, shown } = setting()
    relay(1, 110)
    expect([status().state, shown()]).toEqual(['up', 1])
    shard.pass(11_000)
    expect(status()).toMatchObject({
      state: 'stale',
      reason: 'the newest snapshot was collected 121.0 s ago and relayed late',
    })
    relay(2, 0)
    expect([status().state, shown()]).toEqual(['up', 2])
  })

  test('that is older makes no target alive, and the reason says how late it is', () => {
    const { shard, relay, fail, status, ledger } = setting()
    relay(1, 3600)
    expect(status()).toMatchObject({
      state: 'stale',
      relayed: 'mirror',
      reason: 'no snapshot has arrived; relayed snapshots arrive 3600.0 s late',
    })
    fail(3000)
    expect(status().state).toBe('stale')
    relay(2, 121)
    expect(status().state).toBe('stale')
    relay(3, 120)
    expect(status().state).toBe('up')
    shard.pass(INTERVAL_MS)
    expect(ledger.dropped.get('backfill')).toBe(3)
    addsUp(shard.shard)
  })

  test('that is older is shown by the view all within --exposition.max-age, and counted beyond', () => {
    const { shard, relay, all, status, ledger } = setting({ historyMaxAgeMs: 600_000 })
    relay(1)
    all('p')
    shard.pass(700_000)
    relay(2, 601)
    for (const [i, ago] of [590, 400, 200, 100, 5].entries()) relay(3 + i, ago)
    expect(status().state).toBe('up')
    expect(all('p')).toEqual(['3@110', '4@300', '5@500', '6@600', '7@695'])
    expect(shard.shard.history.dropped.get('too_old')).toBe(1)
    // The fourth was replaced by the fifth in the target, and was shown by the view all.
    expect(ledger.entry()).toMatchObject({ published: 7, pending: 0, written: 6 })
    expect(ledger.dropped.get('backfill')).toBe(1)
    addsUp(shard.shard)
  })

  test('ends its target, though not one that another run keeps alive', () => {
    const { shard, relay, status } = setting()
    relay(1)
    shard.pass(600_000)
    expect(status().state).toBe('stale')
    relay(2, 500, { end: true })
    expect(status().state).toBe('ended')
    relay(3, 0, { run: 'push' })
    relay(4, 400)
    relay(5, 300, { end: true })
    expect(status()).toMatchObject({ state: 'up', relayed: 'push' })
    addsUp(shard.shard)
  })
})
