import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HandoverReader } from '../../../exposer/core/handover/thaw.js'
import { type Choice, chooseDelay } from '../../../exposer/core/playout/choose.js'
import { isPlayoutTimesState, PlayoutTimes } from '../../../exposer/core/playout/times.js'
import { runNow } from '../../../shared/base/steps.js'
import { TEXT } from '../../../shared/exposition/format.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import { type Distribution, quantile, simulate } from '../../support/playout-simulation.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const START = 1_700_000_000_000
const INTERVAL_MS = 1000
const AUTO = { playoutDelayMs: 'auto' as const }
const FRESH = { epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }
const OPENMETRICS = { name: 'openmetrics-1.0.0', escaping: 'underscores' } as const
const LOST = { epoch: 2, partitionCount: 1, kept: [], fresh: [], lost: [0] }

/** One app, and the shards that own its partition one after the other. */
class World {
  owner = new FakeShard(START, AUTO)
  readonly records: LogRecord[] = []
  value = 0
  app = new FakeApp({ labels: { job: 'j' }, intervalMs: INTERVAL_MS, incarnation: 1000 })
  #incarnation = 1000
  #collectedAt = 0
  /** How far the clock of the app is ahead, ms. */
  ahead = 0

  publish(delay = 0, { end = false } = {}): void {
    const { wall } = this.owner
    const collectedAt = this.#collectAt(delay)
    const exposition = `# TYPE x gauge\nx ${++this.value}\n`
    this.#append(this.app.record({ exposition, collectedAt, appendedAt: wall, end }))
  }

  fail(delay = 0): void {
    const { wall } = this.owner
    const collectedAt = this.#collectAt(delay)
    this.#append(this.app.failure('no answer', { collectedAt, appendedAt: wall }))
  }

  restart(intervalMs = INTERVAL_MS): void {
    const options = { labels: { job: 'j' }, intervalMs }
    this.app = new FakeApp({ ...options, incarnation: ++this.#incarnation })
  }

  /** Unix ms and value of the sample in a scrape; undefined if the scrape fails. */
  scrape(heldMs = 0): { at: number; value: number } | undefined {
    if (this.owner.state(this.app) !== 'up') return undefined
    const found = /^x (\d+) ([\d.]+)$/m.exec(this.owner.target(this.app, TEXT, 'playout', heldMs))
    return { value: Number(found![1]), at: Math.round(Number(found![2])) }
  }

  /** The partition moves, as planned or after a crash. */
  move({ handed, change = line => line }: { handed: boolean; change?: (line: string) => string }) {
    const { owner: old } = this
    const next = new FakeShard(old.wall, AUTO)
    next.shard.assign(LOST, next.now)
    const [frozen] = old.shard.assign(LOST, old.now)
    next.shard.assign(FRESH, next.now)
    if (handed) {
      const bounds = { partition: 0, partitionCount: 1, maxTargets: 10, limits: DEFAULT_LIMITS }
      const reader = new HandoverReader({
        ...bounds,
        memory: { makeRoom: () => true, promise() {} },
      })
      for (const line of frozen!.lines(old.now)) reader.line(change(line))
      next.shard.receive(0, reader.done(), next.now)
    }
    const until = this.records.length
    next.shard.replay(0, 0, until, next.now)
    for (const record of this.records) next.shard.apply(0, record, next.now)
    next.shard.fetched(0, until, until, next.now)
    runNow(next.shard.settleSteps(0, next.now))
    this.owner = next
  }

  /** Collection times ascend, whatever the propagation delay is. */
  #collectAt(delay: number): number {
    this.#collectedAt = Math.max(this.#collectedAt + 1, this.owner.wall - delay + this.ahead)
    return this.#collectedAt
  }

  #append(record: LogRecord): void {
    const filed = { ...record, offset: this.records.length }
    this.records.push(filed)
    this.owner.shard.apply(0, filed, this.owner.now)
  }
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), delay: fc.nat(4000) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('scrape' as const),
      by: fc.nat(2),
      held: fc.nat(900),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(900) }) },
  fc.record({
    kind: fc.constantFrom('fail', 'end', 'restart', 'interval', 'plain', 'silence', 'move'),
  }),
)

describe('the playout times of a target', () => {
  test('are the same for all scrapers, ascend, and are never later than the scrape, through failures, restarts, other intervals and planned moves', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 20, maxLength: 120 }),
        fc.constantFrom(0, 3000, -3000, 300_000, -300_000),
        (steps, ahead) => {
          const world = new World()
          world.ahead = ahead
          const valueAt = new Map<number, number>()
          const timeOf = new Map<number, number>()
          const scraped = new Map<number, number>()
          const last = new Map<number, { at: number; value: number }>()
          for (const one of steps) {
            switch (one.kind) {
              case 'publish':
                world.owner.pass(1)
                world.publish((one as { delay: number }).delay)
                break
              case 'pass':
                world.owner.pass((one as { ms: number }).ms)
                break
              case 'fail':
                world.fail()
                break
              case 'end':
                world.owner.pass(1)
                world.publish(0, { end: true })
                world.restart()
                break
              case 'restart':
                world.restart()
                break
              case 'interval':
                world.restart(INTERVAL_MS / 2)
                break
              case 'plain':
                // By a server without timestamps, or of a shard with another flag.
                world.owner.target(world.app)
                break
              case 'silence':
                world.owner.pass(4000)
                break
              case 'move':
                world.move({ handed: true })
                break
              case 'scrape': {
                const { by, held } = one as { by: number; held: number }
                const { wall } = world.owner
                const sample = world.scrape(Math.min(held, wall - (scraped.get(by) ?? START)))
                scraped.set(by, wall)
                if (!sample) break
                const { at, value } = sample
                // Times ascend: the second of two that are exposed in one millisecond is ahead.
                expect(at).toBeLessThanOrEqual(world.owner.wall + 1)
                expect(valueAt.get(at) ?? value).toBe(value)
                expect(timeOf.get(value) ?? at).toBe(at)
                valueAt.set(at, value)
                timeOf.set(value, at)
                const before = last.get(by)
                if (before) {
                  expect(at).toBeGreaterThanOrEqual(before.at)
                  expect(value).toBeGreaterThanOrEqual(before.value)
                }
                last.set(by, sample)
              }
            }
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  test('are the collection time and D, in every format, and the age has no time', () => {
    const world = new World()
    const { owner } = world
    for (let i = 0; i < 20; i++) {
      world.publish(30)
      owner.pass(INTERVAL_MS)
      world.scrape()
    }
    const { delay } = owner.shard.find(world.app.latin1Key)!.playout
    expect(delay % 100).toBe(0)
    expect(delay).toBeGreaterThan(100)
    world.publish(30)
    const collectedAt = owner.wall - 30
    owner.pass(999)
    const shown = owner.target(world.app, TEXT, 'playout')
    expect(shown).toContain(`\nx ${world.value} ${collectedAt + delay}\n`)
    expect(shown).toMatch(/\nexposer_target_snapshot_age_seconds [\d.]+\n/)
    expect(owner.target(world.app, OPENMETRICS, 'playout')).toContain(
      `\nx ${world.value} ${(collectedAt + delay) / 1000}\n`,
    )
    expect(owner.target(world.app, TEXT, 'collection')).toContain(` ${collectedAt}\n`)
    expect(owner.target(world.app)).toContain(`\nx ${world.value}\n`)
  })

  test.each([
    ['give way to timestamps of the samples themselves', 0],
    ['also replace those of an app whose clock is wrong by minutes', 300_000],
  ])('%s', (_, ahead) => {
    const { owner, app } = new World()
    const at = owner.wall
    const timestamps = [at + ahead, at + ahead - 60_000]
    const exposition = '# TYPE t gauge\nt{i="a"} 1\nt{i="b"} 2\n'
    owner.publish(app, { exposition, collectedAt: at + ahead, timestamps, appendedAt: at })
    owner.pass(INTERVAL_MS)
    const own = ahead ? at : at - 60_000
    expect(owner.target(app, TEXT, 'playout')).toContain(`t{i="a"} 1 ${at}\nt{i="b"} 2 ${own}\n`)
  })

  test('a target that comes back is due at once, after all scrapes that failed', () => {
    const world = new World()
    const { owner } = world
    for (let i = 0; i < 10; i++) {
      world.publish(3000)
      owner.pass(INTERVAL_MS)
      world.scrape()
    }
    world.fail(3000)
    owner.pass(500)
    expect(world.scrape()).toBeUndefined()
    owner.pass(500)
    world.publish(3000)
    expect(world.scrape()).toEqual({ value: world.value, at: owner.wall })
  })

  test('a scrape that is held while the partition moves is answered as of its beginning', () => {
    const world = new World()
    for (let i = 0; i < 10; i++) {
      world.publish(200)
      world.owner.pass(INTERVAL_MS)
      world.scrape()
    }
    const { at, value } = world.scrape()!
    world.publish(200)
    world.owner.pass(INTERVAL_MS - 1)
    world.move({ handed: true })
    expect(world.scrape(999)).toEqual({ at, value })
    expect(world.scrape()!.value).toBe(value + 1)
  })

  test('snapshots that are left out because D became shorter are left out by the next owner too', () => {
    const arrival = (collectedAt: number) => ({
      ...{ offset: collectedAt, collectedAt, arrivedAt: collectedAt + 10 },
      ...{ intervalMs: INTERVAL_MS, end: false },
    })
    for (const before of [0, 1]) {
      const owner = new PlayoutTimes()
      owner.of(arrival(1000), 2500, false)
      owner.shorten()
      for (let i = 0; i < before; i++)
        expect(owner.of(arrival(2000), 1500, false)).toBe(Number.POSITIVE_INFINITY)
      const state: unknown = JSON.parse(JSON.stringify(owner.state([])))
      if (!isPlayoutTimesState(state)) throw new Error('it is not a state')
      const next = new PlayoutTimes()
      next.resume(state, 4000)
      const times = (one: PlayoutTimes) =>
        [2500, 3000, 4000].map(at => one.of(arrival(at), 1500, false))
      expect(times(next)).toEqual(times(owner))
    }
  })

  test('D stays a multiple of the step when the partition moves, before the first scrape there', () => {
    const world = new World()
    const delayOf = () => world.owner.shard.find(world.app.latin1Key)!.playout.delay
    for (let i = 0; i < 20; i++) {
      world.owner.pass(400)
      world.publish(130)
      world.owner.pass(600)
      world.scrape()
    }
    expect(delayOf() % 100).toBe(0)
    world.move({ handed: true })
    world.owner.pass(400)
    world.publish(830)
    expect(delayOf()).toBeGreaterThan(830)
    expect(delayOf() % 100).toBe(0)
  })

  test('after a crash the first sample has the time of its scrape, for all scrapers, and the next ones ascend', () => {
    const world = new World()
    for (let i = 0; i < 10; i++) {
      world.publish(200)
      world.owner.pass(INTERVAL_MS)
      world.scrape()
    }
    const before = world.scrape()!
    world.owner.pass(700)
    world.move({ handed: false })
    const { owner } = world
    const first = world.scrape()!
    expect(first).toEqual({ value: before.value, at: owner.wall })
    owner.pass(100)
    expect(world.scrape()).toEqual(first)
    world.publish(200)
    owner.pass(INTERVAL_MS)
    expect(world.scrape()!.at).toBeGreaterThan(first.at)
    expect(world.scrape()!.value).toBe(world.value)
  })

  test('a shard of an older version hands none over: that is as after a crash', () => {
    const world = new World()
    for (let i = 0; i < 10; i++) {
      world.publish(200)
      world.owner.pass(INTERVAL_MS)
      world.scrape()
    }
    const change = (line: string) => {
      const value = JSON.parse(line)
      if (value.playout) value.playout.times = undefined
      return JSON.stringify(value)
    }
    world.move({ handed: true, change })
    expect(world.scrape()).toEqual({ value: world.value, at: world.owner.wall })
  })

  test('final values are exposed for an interval after their playout time', () => {
    const world = new World()
    const { owner } = world
    for (let i = 0; i < 10; i++) {
      world.publish(2500)
      owner.pass(INTERVAL_MS)
      world.scrape()
    }
    world.publish(2500, { end: true })
    const seen: number[] = []
    for (let sample = world.scrape(); sample; sample = world.scrape()) {
      seen.push(sample.value)
      owner.pass(100)
    }
    expect(seen.filter(value => value === world.value).length).toBeGreaterThanOrEqual(10)
  })
})

describe('two Prometheus servers of different phases', () => {
  const burst = (intervalMs: number): Distribution => {
    let n = 0
    return () => {
      const at = ++n * intervalMs
      return at > 700_000 && at < 730_000 ? 2 * intervalMs + 700 : 10
    }
  }
  const cases = [1000, 5000, 15_000].flatMap(intervalMs => [
    ['10 ms', intervalMs, () => () => 10] as const,
    ['0 to 3 s', intervalMs, () => (random: () => number) => random() * 3000] as const,
    ['D that grows and becomes shorter', intervalMs, () => burst(intervalMs)] as const,
  ])

  test.each(cases)(
    'store the same samples with the same times: %s, every %i ms',
    (_, intervalMs, delay) => {
      let samples = 0
      let different = 0
      for (let seed = 1; seed <= 5; seed++) {
        const measured = { settleMs: 600_000, measureMs: 1_200_000, timed: true }
        const { replicas } = simulate({ intervalMs, delay: delay(), seed, ...measured })
        for (const { stored } of replicas) {
          for (const [i, { at, scrapedAt }] of stored.entries()) {
            expect(at).toBeLessThanOrEqual(scrapedAt)
            expect(at).toBeGreaterThan(stored[i - 1]?.at ?? 0)
          }
        }
        // Before that D is not known, and at the end not everything was scraped by both.
        const [a, b] = replicas.map(
          ({ stored }) =>
            new Map(
              stored
                .filter(({ at }) => at > 300_000 && at < 1_740_000)
                .map(({ at, value }) => [at, value]),
            ),
        ) as [Map<number, number>, Map<number, number>]
        samples += a.size
        for (const at of new Set([...a.keys(), ...b.keys()]))
          if (a.get(at) !== b.get(at)) different++
      }
      expect(samples).toBeGreaterThan(400)
      // A delay that is longer than any before may reach one server after its scrape.
      expect(different).toBeLessThanOrEqual(1)
    },
  )

  test('evaluated an interval ago, rate() errs no more than without timestamps evaluated now', () => {
    const { replicas } = simulate({
      intervalMs: 5000,
      delay: random => random() * 3000,
      seed: 7,
      settleMs: 600_000,
      measureMs: 1_200_000,
      timed: true,
    })
    const errors = replicas.flatMap(({ stored }) => rateErrors(stored, 5000))
    expect(quantile(errors, 0.99)).toBeLessThan(0.01)
  })
})

/** Relative errors of rate() over four intervals, evaluated when the replica had what was due an interval ago. */
function rateErrors(
  stored: readonly { at: number; value: number; scrapedAt: number }[],
  intervalMs: number,
): number[] {
  const errors: number[] = []
  for (let now = 700_000; now < 1_700_000; now += 777) {
    const end = now - intervalMs
    const start = end - 4 * intervalMs
    const range = stored.filter(one => one.scrapedAt <= now && one.at > start && one.at <= end)
    const [first, last] = [range[0]!, range.at(-1)!]
    const sampled = last.at - first.at
    const average = sampled / (range.length - 1)
    // As in Prometheus: extrapolated to the ends of the range, unless they are too far away.
    const extend = (gap: number) => (gap < average * 1.1 ? gap : average / 2)
    const factor = (sampled + extend(first.at - start) + extend(end - last.at)) / sampled
    errors.push(Math.abs(((last.value - first.value) * factor) / (end - start) - 1))
  }
  return errors
}

test('with steps, D is clear of scrapes as without, and a multiple of the step where there is room', () => {
  const choice = fc.record({
    intervalMs: fc.constantFrom(5000, 15_000),
    current: fc.oneof(
      fc.constant(Number.NaN),
      fc.integer({ min: 0, max: 400 }).map(n => n * 100),
    ),
    least: fc.double({ min: 1, max: 20_000, noNaN: true }),
    most: fc.constant(45_000),
    boundaries: fc.array(fc.double({ min: 0, max: 4999, noNaN: true }), {
      minLength: 1,
      maxLength: 2,
    }),
    guard: fc.double({ min: 50, max: 200, noNaN: true }),
    step: fc.constant(100),
  })
  fc.assert(
    fc.property(choice, (one: Choice) => {
      const { delay, lower } = chooseDelay(one)
      for (const chosen of [delay, lower ?? delay]) {
        expect(chosen).toBeGreaterThanOrEqual(one.least)
        // The boundaries below and above it.
        const from = Math.max(...one.boundaries.map(at => chosen - phase(chosen - at)))
        const to = Math.min(...one.boundaries.map(at => chosen + phase(at - chosen)))
        expect(Math.min(chosen - from, to - chosen)).toBeGreaterThanOrEqual(one.guard / 2 - 1e-6)
        const multiple = Math.floor((to - one.guard) / 100) * 100
        const hasRoom = multiple >= Math.max(from + one.guard, one.least) && multiple <= one.most
        if (hasRoom) expect(chosen % 100).toBe(0)
        function phase(ms: number) {
          return ((ms % one.intervalMs) + one.intervalMs) % one.intervalMs
        }
      }
    }),
  )
})
