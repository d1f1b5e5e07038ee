import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bookWritten } from '../../../exposer/core/booking.js'
import { sdGroups } from '../../../exposer/core/discovery.js'
import { runNow } from '../../../shared/base/steps.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const x = (value: number) => `# HELP x X.\n# TYPE x gauge\nx ${value}\n`
const parts = (value: number) =>
  Array.from(
    { length: 12 },
    (_, i) => `# HELP p${i} P.\n# TYPE p${i} gauge\np${i} ${value}\n`,
  ).join('')

/** Incarnation of run 0. */
const FIRST = 1000

/** One target with several runs. Snapshots of run n have the value n. */
const setting = () => {
  const shard = new FakeShard(undefined, { playoutDelayMs: 0 })
  const runs = new Map<number, FakeApp>()
  const run = (incarnation: number) => {
    const known =
      runs.get(incarnation) ?? new FakeApp({ intervalMs: 1000, incarnation: FIRST + incarnation })
    runs.set(incarnation, known)
    return known
  }
  const publish = (...incarnations: number[]) => {
    for (const incarnation of incarnations)
      shard.publish(run(incarnation), { exposition: x(incarnation), collectedAt: shard.wall })
  }
  /** Passes seconds in which these runs publish. */
  const pass = (seconds: number, ...incarnations: number[]) => {
    for (let i = 0; i < seconds; i++) {
      shard.pass(1000)
      publish(...incarnations)
    }
  }
  const end = (incarnation: number) =>
    shard.publish(run(incarnation), {
      exposition: x(incarnation),
      collectedAt: shard.wall + 1,
      end: true,
    })
  const target = () => shard.shard.find(run(1).latin1Key)!
  const status = () => shard.shard.describe(target(), shard.now)
  const shown = () => Number(/^x (\d+)$/m.exec(shard.target(run(1)))?.[1])
  return { shard, run, publish, pass, end, target, status, shown }
}

describe('of several runs with one identity', () => {
  test('the newest is exposed, and the others are refused while it is alive', () => {
    const { shard, pass, shown, status } = setting()
    pass(3, 1)
    pass(3, 1, 2)
    expect(shown()).toBe(2)
    expect(status()).toMatchObject({ state: 'up', incarnation: FIRST + 2 })
    expect(shard.refusals).toEqual(['incarnation', 'incarnation'])
  })

  test('a living one is never hidden by one that has ended', () => {
    const { shard, pass, end, shown, status, run } = setting()
    pass(3, 1)
    pass(4, 1, 2)
    end(2)
    for (let i = 0; i < 10; i++) {
      pass(1, 1)
      expect(status().state).toBe('up')
      expect(shown()).toBe(1)
      expect(sdGroups([status()], { externalUrl: 'http://x' })).toHaveLength(1)
    }
    expect(shard.state(run(1))).toBe('up')
  })

  test('a living one is never hidden by one that was killed, and its target is never down', () => {
    const { shard, pass, shown, status, run } = setting()
    pass(3, 1)
    pass(4, 1, 2)
    for (let i = 0; i < 60; i++) {
      shard.pass(500)
      if (i % 2 === 1) shard.publish(run(1), { exposition: x(1), collectedAt: shard.wall })
      expect(status().state).toBe('up')
    }
    expect(shown()).toBe(1)
    expect(status()).toMatchObject({ incarnation: FIRST + 1, runs: 1, warning: '' })
  })

  test('the newest takes over again when it was only suspended', () => {
    const { pass, shown } = setting()
    pass(2, 1, 2)
    pass(5, 1)
    expect(shown()).toBe(1)
    pass(1, 1, 2)
    expect(shown()).toBe(2)
  })

  test('the target is stale a window after the newest one if no other is alive', () => {
    const { shard, pass, status } = setting()
    pass(2, 1)
    pass(2, 2)
    shard.pass(2500)
    expect(status().state).toBe('up')
    shard.pass(1000)
    expect(status().state).toBe('stale')
  })

  test('an older one whose snapshots are all refused does not keep its target up', () => {
    const { shard, pass, status, run } = setting()
    pass(2, 1, 2)
    for (let i = 0; i < 8; i++) {
      shard.pass(1000)
      const [record] = run(1).records({ exposition: x(1), collectedAt: shard.wall })
      record.value!.fill(0xff, record.value!.length - 3)
      shard.shard.apply(0, record, shard.now)
    }
    expect(shard.refusals.at(-1)).not.toBe('incarnation')
    expect(status().state).toBe('stale')
  })

  test('each is named as long as it publishes, in the status of the target', () => {
    const { shard, pass, status, target } = setting()
    pass(3, 1)
    expect(status()).toMatchObject({ runs: 1, warning: '' })
    pass(3, 1, 2, 3)
    expect(status()).toMatchObject({
      runs: 3,
      warning: expect.stringContaining('3 runs publish with these labels'),
    })
    expect(shard.shard.runs(target())).toBe(3)
    pass(4, 3)
    expect(status()).toMatchObject({ runs: 1, warning: '' })
  })

  test('a record that was in flight when its run was replaced is no overlap', () => {
    const { pass, status } = setting()
    pass(3, 1)
    pass(1, 2, 1)
    expect(status()).toMatchObject({ runs: 1, warning: '' })
  })

  test('a clock that ran ahead silences its target for a window at most', () => {
    const { shard, pass, shown } = setting()
    pass(1, 9_000_000)
    shard.pass(1000)
    pass(3, 5)
    expect(shown()).toBe(5)
  })

  test('parts of a newer run that never become complete silence an older one for a window at most', () => {
    const { shard } = setting()
    const split = (incarnation: number) =>
      new FakeApp({ intervalMs: 1000, incarnation: FIRST + incarnation, partBytes: 100 })
    const [part] = split(9).records({ exposition: parts(9), collectedAt: shard.wall })
    const older = split(1)
    const publish = () => {
      shard.pass(1000)
      shard.publish(older, { exposition: parts(1), collectedAt: shard.wall })
    }
    publish()
    shard.shard.apply(0, part, shard.now)
    for (let i = 0; i < 4; i++) publish()
    expect(shard.state(older)).toBe('up')
    expect(shard.target(older)).toContain('p0 1\n')
  })

  test('an outage of the brokers does not bring an older one forward', () => {
    const { shard, pass, publish, shown } = setting()
    pass(3, 1, 2)
    shard.shard.fetchFailed([0], shard.now)
    shard.silence(60_000)
    publish(1)
    shard.fetch()
    expect(shown()).toBe(2)
    publish(2)
    expect(shown()).toBe(2)
  })

  test('snapshots that were refused for a newer run are accounted for once, and are not missed', () => {
    const { shard, pass, run } = setting()
    pass(3, 1)
    pass(3, 1, 2)
    const [again] = run(1).records({ exposition: x(1), collectedAt: shard.wall, sequence: 5 })
    shard.shard.apply(0, again, shard.now)
    pass(4, 1)
    const entry = shard.shard.ledger.entry()
    expect(entry).toMatchObject({ published: 10 + 3, missed: 0 })
    // Two while it was hidden by a living run, and two until that run was known to be dead.
    expect(entry.dropped.refused_incarnation).toBe(4)
  })
})

/** A run of the model: an independent account of what its records mean. */
interface ModelRun {
  readonly incarnation: number
  /** The next snapshot. */
  sequence: number
  superseded: number
  /** The snapshot that was received last; −1 before the first one. */
  received: number
  heardAt: number
  ended: boolean
  last: LogRecord | null
}

/** A shard with six runs of one target. Another target publishes so often that log time goes on. */
class Overlap {
  readonly fake = new FakeShard(undefined, {
    playoutDelayMs: 0,
    forgetMs: 1e9,
    tombstoneMs: 1e9,
  })
  /** Incarnation of the newest living run. */
  newest = -1
  /** Snapshots that are known to have been published. */
  published = 0
  readonly runs: readonly ModelRun[]
  readonly key = this.#appOf(1).latin1Key
  readonly #ticker = new FakeApp({ labels: { job: 'ticker' }, intervalMs: 2000 })
  readonly #log: LogRecord[] = []

  /** @param incarnations in any order: clocks differ */
  constructor(incarnations: readonly number[]) {
    this.runs = incarnations.map(incarnation => ({
      incarnation,
      sequence: 0,
      superseded: 0,
      received: -1,
      heardAt: Number.NEGATIVE_INFINITY,
      ended: false,
      last: null,
    }))
    this.#tick()
  }

  publish(run: ModelRun, { lost = 0, superseded = 0, end = false, fails = false } = {}): void {
    const { fake } = this
    fake.wall += 10
    run.sequence += lost
    run.superseded += Math.min(lost, superseded)
    const app = this.#appOf(run.incarnation)
    const header = {
      collectedAt: fake.wall,
      sequence: run.sequence++,
      superseded: run.superseded,
    }
    const record = fails
      ? app.failure('why', header)
      : app.record({ ...header, exposition: x(run.incarnation), end })
    this.#account(run, header)
    run.heardAt = fake.wall
    run.ended = end && !fails
    run.last = record
    this.#append(record)
  }

  again({ last }: ModelRun): void {
    if (last) this.#append(last)
  }

  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 500) {
      this.fake.wall += 500
      this.#tick()
    }
    this.fake.shard.sweep(this.fake.now)
  }

  scrape(written: boolean): void {
    const { shard, now } = this.fake
    const target = shard.find(this.key)
    const played = target && shard.played(target, now)
    if (!played) return
    shard.store.acquire(played)
    if (written) bookWritten(played)
    shard.store.release(played)
  }

  /** The partition moves away and back, and the end of the log is replayed. */
  replay(records: number): void {
    const { shard, now } = this.fake
    const from = Math.max(0, this.#log.length - records)
    shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, now)
    runNow(shard.releaseSteps())
    shard.replay(0, from, this.#log.length, now)
    for (const record of this.#log.slice(from)) shard.apply(0, record, now)
    shard.fetched(0, this.#log.length, this.#log.length, now)
  }

  /** Incarnation of the run that is exposed. */
  get exposed(): number | undefined {
    return this.fake.shard.find(this.key)?.runs.current?.incarnation
  }

  expectToAddUp(): void {
    const { shard } = this.fake
    const held = [...shard.targets()].flatMap(target => target.snapshots)
    expect(shard.ledger.pending).toBe(held.filter(({ fate }) => fate === 'pending').length)
    const all = [shard.ledger, ...[...shard.targets()].map(target => target.ledger)]
    for (const ledger of all) {
      const { published, dropped, ...terms } = ledger.entry()
      const counts = [...Object.values(terms), ...Object.values(dropped)]
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(0)
      expect(published).toBe(counts.reduce((a, b) => a + b, 0))
    }
  }

  #account(run: ModelRun, { sequence, superseded }: { sequence: number; superseded: number }) {
    const seen = this.runs.filter(({ received }) => received >= 0)
    const began = seen.length > 0 && seen.every(other => other.incarnation < run.incarnation)
    if (run.received >= 0) this.published += sequence - run.received
    else this.published += began || superseded === sequence ? sequence + 1 : 1
    run.received = sequence
    const newest = this.runs.find(({ incarnation }) => incarnation === this.newest)
    const isAlive = newest && !newest.ended && this.fake.wall - newest.heardAt <= 2500
    if (!isAlive || run.incarnation > newest.incarnation) this.newest = run.incarnation
  }

  #tick(): void {
    this.#append(this.#ticker.record({ exposition: x(0), collectedAt: this.fake.wall }))
  }

  #append(record: LogRecord): void {
    const appended = { ...record, offset: this.#log.length, timestamp: this.fake.wall }
    this.#log.push(appended)
    this.fake.shard.apply(0, appended, this.fake.now)
  }

  #appOf(incarnation: number): FakeApp {
    return new FakeApp({ intervalMs: 1000, incarnation })
  }
}

const anyRun = fc.nat(5)
const anyEvent = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      run: anyRun,
      lost: fc.oneof(fc.constant(0), fc.nat(3)),
      superseded: fc.nat(3),
      end: fc.nat(9).map(n => n === 0),
      fails: fc.nat(9).map(n => n === 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('again' as const), run: anyRun }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('scrape' as const), all: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(500, 1500, 4000),
    }),
  },
)
const anyReplay = fc.record({ do: fc.constant('replay' as const), records: fc.nat(40) })
const anyIncarnations = fc.shuffledSubarray([11, 12, 13, 14, 15, 16], { minLength: 6 })

type Event =
  | (typeof anyEvent extends fc.Arbitrary<infer T> ? T : never)
  | { do: 'replay'; records: number }

function take(overlap: Overlap, event: Event): void {
  if (event.do === 'publish') overlap.publish(overlap.runs[event.run], event)
  else if (event.do === 'again') overlap.again(overlap.runs[event.run])
  else if (event.do === 'scrape') overlap.scrape(event.all)
  else if (event.do === 'pass') overlap.pass(event.ms)
  else overlap.replay(event.records)
}

describe('after any interleaving of runs, kills, ends, clocks and repetitions', () => {
  test('the newest living run is exposed, and each of its snapshots and of the others is accounted for once', () => {
    fc.assert(
      fc.property(
        anyIncarnations,
        fc.array(anyEvent, { maxLength: 80, size: 'max' }),
        (incarnations, events) => {
          const overlap = new Overlap(incarnations)
          for (const event of events) {
            take(overlap, event)
            overlap.expectToAddUp()
            expect(overlap.exposed ?? -1).toBe(overlap.newest)
            const target = overlap.fake.shard.find(overlap.key)
            expect(target?.ledger.published ?? 0).toBe(overlap.published)
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  test('and replays, the ledger adds up, and of the runs that go on the newest is exposed within a window', () => {
    fc.assert(
      fc.property(
        anyIncarnations,
        fc.array(fc.oneof({ weight: 8, arbitrary: anyEvent }, anyReplay), {
          maxLength: 60,
          size: 'max',
        }),
        fc.uniqueArray(anyRun, { minLength: 1 }),
        (incarnations, events, living) => {
          const overlap = new Overlap(incarnations)
          for (const event of events) {
            take(overlap, event)
            overlap.expectToAddUp()
          }
          for (let second = 0; second < 5; second++) {
            overlap.pass(1000)
            for (const run of living) overlap.publish(overlap.runs[run])
            overlap.expectToAddUp()
          }
          expect(overlap.exposed).toBe(Math.max(...living.map(run => incarnations[run])))
        },
      ),
      { numRuns: 200 },
    )
  })
})
