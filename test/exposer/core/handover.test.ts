import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FrozenPartition } from '../../../exposer/core/handover/freeze.js'
import { type Handed, HandoverReader } from '../../../exposer/core/handover/thaw.js'
import { runNow } from '../../../shared/base/steps.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import { RELAYED_RUNS } from '../../../shared/snapshot/relayed.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const START = 1_700_000_000_000
const WINDOW_MS = 60_000
const INTERVAL_MS = 5000
const OPTIONS = { forgetMs: 600_000, tombstoneMs: 120_000, playoutDelayMs: 'auto' as const }
const BOUNDS = {
  partition: 0,
  partitionCount: 1,
  maxTargets: 100,
  limits: DEFAULT_LIMITS,
  memory: { makeRoom: () => true, promise() {} },
}

function read(lines: Iterable<string>, bounds = BOUNDS): Handed {
  const reader = new HandoverReader(bounds)
  for (const line of lines) reader.line(line)
  return reader.done()
}

/** A partition that moves from one shard to another, planned. */
class Moving {
  readonly records: LogRecord[] = []
  readonly old = new FakeShard(START, OPTIONS)
  readonly next = new FakeShard(START, OPTIONS)
  /** The owner. */
  owner = this.old
  readonly #apps = new Map<string, { app: FakeApp; value: number }>()
  #incarnation = 1000

  constructor() {
    this.next.shard.assign(lost, this.next.now)
  }

  app(instance: string) {
    let found = this.#apps.get(instance)
    if (!found) {
      const options = { intervalMs: INTERVAL_MS, incarnation: this.#incarnation++ }
      found = { app: new FakeApp({ labels: { job: 'j', instance }, ...options }), value: 0 }
      this.#apps.set(instance, found)
    }
    return found
  }

  publish(instance: string, { end = false, delay = 0 } = {}): void {
    const found = this.app(instance)
    const exposition = `# HELP x X.\n# TYPE x gauge\nx ${++found.value}\n`
    const collectedAt = this.owner.wall - delay
    this.append(found.app.record({ exposition, collectedAt, end, appendedAt: this.owner.wall }))
    if (end) this.#apps.delete(instance)
  }

  fail(instance: string): void {
    const { app } = this.app(instance)
    this.append(app.failure('no answer', { collectedAt: this.owner.wall }))
  }

  pass(ms: number): void {
    this.owner.pass(ms)
    this.owner.shard.sweep(this.owner.now)
  }

  /** Time passes, and one app publishes each second. */
  live(seconds: number): void {
    for (let i = 0; i < seconds; i++) {
      this.pass(1000)
      this.publish('steady')
    }
  }

  freeze(): FrozenPartition {
    const [frozen] = this.old.shard.assign(lost, this.old.now)
    return frozen!
  }

  /** The other shard takes over; `received` says when what was handed over arrives. */
  move(received: 'before' | 'after' = 'before', handed = read(this.freeze().lines(this.old.now))) {
    const { next } = this
    next.wall = this.old.wall
    const { shard, now } = next
    shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, now)
    if (received === 'before') shard.receive(0, handed, now)
    const from = this.records.findIndex(r => r.timestamp >= next.wall - WINDOW_MS)
    const until = this.records.length
    shard.replay(0, from < 0 ? until : from, until, now)
    if (from >= 0) for (const record of this.records.slice(from)) shard.apply(0, record, now)
    shard.fetched(0, until, until, now)
    if (received === 'after') shard.receive(0, handed, now)
    this.owner = next
    return runNow(shard.settleSteps(0, now))
  }

  append(record: LogRecord): void {
    const filed = { ...record, offset: this.records.length }
    this.records.push(filed)
    this.owner.shard.apply(0, filed, this.owner.now)
  }
}

const lost = { epoch: 2, partitionCount: 1, kept: [], fresh: [], lost: [0] }

function verdicts({ shard, now }: FakeShard): Record<string, unknown> {
  const all = [...shard.targets()].map(target => {
    const { labels, state, reason, sequence, incarnation, ageSeconds, playoutSeconds } =
      shard.describe(target, now)
    const { instance } = labels
    const verdict = { labels, state, reason, sequence, incarnation, ageSeconds }
    // D of a target that is not exposed begins anew when it returns.
    return [instance, state === 'up' ? { ...verdict, playoutSeconds } : verdict] as const
  })
  return Object.fromEntries(all.sort(([a], [b]) => (a! < b! ? -1 : 1)))
}

const valuesOf = (exposition: string, instance: string) =>
  [...exposition.matchAll(new RegExp(`^x\\{[^}]*instance="${instance}"[^}]*\\} (\\d+)`, 'gm'))].map(
    match => Number(match[1]),
  )

const step = fc.record({
  kind: fc.constantFrom('publish', 'publish', 'publish', 'fail', 'end', 'scrape'),
  instance: fc.constantFrom('a', 'b', 'c'),
  seconds: fc.integer({ min: 0, max: 90 }),
  delay: fc.integer({ min: 0, max: 3000 }),
})

describe('a planned handover', () => {
  test('tells every target as before, in whatever order it and the replay finish', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 15 }),
        fc.constantFrom('before' as const, 'after' as const),
        (steps, received) => {
          const moving = new Moving()
          for (const { kind, instance, seconds, delay } of steps) {
            if (kind === 'scrape') moving.old.target(moving.app(instance).app)
            else if (kind === 'fail') moving.fail(instance)
            else moving.publish(instance, { end: kind === 'end', delay })
            moving.live(seconds)
          }
          moving.live(1)
          const before = verdicts(moving.old)
          moving.move(received)
          expect(verdicts(moving.next)).toEqual(before)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('keeps the log time: a dead target that is alone in its partition stays stale', () => {
    const moving = new Moving()
    moving.publish('dead')
    moving.old.fetch()
    moving.pass(30_000)
    expect(moving.old.state(moving.app('dead').app)).toBe('stale')
    moving.move()
    expect(moving.next.state(moving.app('dead').app)).toBe('stale')
  })

  test('loses and repeats no sample of the view all', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            scraper: fc.constantFrom('a', 'b', null),
            instance: fc.constantFrom('x', 'y'),
            seconds: fc.integer({ min: 1, max: 12 }),
            move: fc.boolean(),
          }),
          { minLength: 1, maxLength: 25 },
        ),
        steps => {
          const moving = new Moving()
          const seen = new Map<string, number[]>()
          const scrape = (scraper: string) => {
            const text = moving.owner.all(scraper)
            for (const instance of ['x', 'y']) {
              const key = `${scraper} ${instance}`
              seen.set(key, [...(seen.get(key) ?? []), ...valuesOf(text, instance)])
            }
          }
          scrape('a')
          scrape('b')
          let moved = false
          let elapsed = 0
          for (const { scraper, instance, seconds, move } of steps) {
            // The next owner replays no more than the window.
            elapsed += seconds * 1000
            if (elapsed > WINDOW_MS) {
              scrape('a')
              scrape('b')
              elapsed = seconds * 1000
            }
            moving.publish(instance)
            moving.pass(seconds * 1000)
            if (scraper) scrape(scraper)
            if (move && !moved) moving.move()
            moved ||= move
          }
          scrape('a')
          scrape('b')
          for (const [key, values] of seen) {
            const published = moving.app(key.split(' ')[1]!).value
            // The newest is exposed again if there is no other; nothing else is.
            const distinct = values.filter((value, i) => value !== values[i - 1])
            expect([key, distinct]).toEqual([
              key,
              Array.from({ length: published }, (_, i) => i + 1),
            ])
          }
          expect(moving.next.shard.history.unknownPositions).toBe(0)
          expect([...moving.next.shard.history.dropped]).toEqual([])
          expect([...moving.old.shard.history.dropped]).toEqual([])
        },
      ),
      { numRuns: 80 },
    )
  })

  test('shows no scrape of a virtual target an older snapshot', () => {
    const moving = new Moving()
    const value = () => Number(/^x (\d+)$/m.exec(moving.owner.target(moving.app('a').app))![1])
    let last = 0
    for (let i = 0; i < 60; i++) {
      moving.publish('a', { delay: (i * 977) % 4000 })
      moving.pass(INTERVAL_MS / 2)
      expect(value()).toBeGreaterThanOrEqual(last)
      last = value()
      if (i === 40) moving.move()
      expect(value()).toBeGreaterThanOrEqual(last)
      last = value()
      moving.pass(INTERVAL_MS / 2)
    }
  })

  test('moves twice', () => {
    const moving = new Moving()
    moving.old.all('a')
    moving.publish('x')
    const first = moving.freeze()
    const handed = read(first.lines(moving.old.now))
    const { shard, now } = moving.next
    shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, now)
    shard.receive(0, handed, now)
    // Lost before the replay: the positions are handed on.
    const [second] = shard.assign(lost, now)
    expect(read(second!.lines(now))).toMatchObject({ cursors: handed.cursors, complete: false })
  })
})

describe('without a handover, as after a crash', () => {
  test('the view all repeats what it holds, and counts the positions that are unknown', () => {
    const moving = new Moving()
    moving.next.all('a')
    moving.publish('x')
    moving.pass(1000)
    moving.publish('x')
    const { next } = moving
    next.wall = moving.old.wall
    const { shard, now } = next
    shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, now)
    shard.replay(0, 0, 2, now)
    for (const record of moving.records) shard.apply(0, record, now)
    shard.fetched(0, 2, 2, now)
    expect(valuesOf(next.all('a'), 'x')).toEqual([1, 2])
    expect(shard.history.unknownPositions).toBe(1)
  })
})

test('after a crash of the shard itself, scrapers that return are shown what is held, and those that come later are not', () => {
  const moving = new Moving()
  moving.publish('x')
  moving.pass(1000)
  moving.publish('x')
  const next = new FakeShard(moving.old.wall, { ...OPTIONS, expectsScrapers: true })
  const { shard, now } = next
  shard.assign(lost, now)
  shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, now)
  shard.replay(0, 0, 2, now)
  for (const record of moving.records) shard.apply(0, record, now)
  shard.fetched(0, 2, 2, now)
  expect(valuesOf(next.all('a'), 'x')).toEqual([1, 2])
  expect(valuesOf(next.all('b'), 'x')).toEqual([1, 2])
  expect(valuesOf(next.all('a'), 'x')).toEqual([2])
  expect(shard.history.unknownPositions).toBe(2)
  next.pass(121_000)
  shard.sweep(next.now)
  next.all('a')
  next.all('b')
  shard.sweep(next.now)
  expect(shard.history.length).toBe(0)
  next.all('c')
  expect(shard.history.unknownPositions).toBe(2)
})

test('when the topic is created again after a move, the view all has every sample of the new log', () => {
  const moving = new Moving()
  moving.old.all('a')
  moving.publish('x')
  moving.live(20)
  moving.old.all('a')
  moving.move()
  const { next } = moving
  next.all('a')
  const { shard } = next
  const record = (offset: number, value: number) => {
    next.pass(1000)
    const exposition = `# TYPE x gauge\nx ${value}\n`
    const { app } = moving.app('x')
    const written = app.record({ exposition, collectedAt: next.wall, appendedAt: next.wall })
    shard.apply(0, { ...written, offset }, next.now)
  }
  shard.replay(0, 0, 0, next.now)
  runNow(shard.releaseSteps())
  record(0, 101)
  record(1, 102)
  expect(valuesOf(next.all('a'), 'x')).toEqual([101, 102])
  record(2, 103)
  expect(valuesOf(next.all('a'), 'x')).toEqual([103])
})

describe('samples held for scrapers', () => {
  test('are lost, and counted, if nobody fetches the positions', () => {
    const moving = new Moving()
    moving.old.all('a')
    moving.publish('x')
    const frozen = moving.freeze()
    const { shard } = moving.old
    runNow(shard.releaseSteps())
    expect([...shard.history.dropped]).toEqual([])
    shard.expire(frozen)
    expect([...shard.history.dropped]).toEqual([['moved', 1]])
  })
})

describe('a handover is refused as a whole', () => {
  const lines = () => {
    const moving = new Moving()
    moving.publish('a')
    moving.fail('b')
    moving.old.all('scraper')
    moving.live(3)
    return [...moving.freeze().lines(moving.old.now)]
  }

  test('unless it is whole', () => {
    const all = lines()
    expect(read(all).targets.size).toBe(3)
    for (let i = 0; i < all.length; i++)
      expect(() => read(all.filter((_, at) => at !== i))).toThrow()
    expect(() => read([...all, all[1]!])).toThrow('after the last one')
    expect(() => read(all, { ...BOUNDS, maxTargets: 2 })).toThrow('more than 2 targets')
    expect(() => read(all, { ...BOUNDS, partition: 1 })).toThrow('it is of partition 0')
  })

  test('when there is no memory for its targets, and nothing stays reserved', () => {
    const all = lines()
    let reserved = 0
    let most = 0
    const promise = (bytes: number) => {
      reserved += bytes
      most = Math.max(most, reserved)
    }
    const makeRoom = (bytes: number) => reserved + bytes <= 3000
    const reader = new HandoverReader({ ...BOUNDS, memory: { makeRoom, promise } })
    expect(() => {
      for (const line of all) reader.line(line)
    }).toThrow('no memory is left after 2 of its targets')
    expect(most).toBeGreaterThan(1500)
    reader.release()
    expect(reserved).toBe(0)
  })

  test('whatever is changed in it, it is read within its bounds or refused', () => {
    const all = lines()
    const extreme = fc.constantFrom<unknown>(null, -1, 1e308, Number.MAX_SAFE_INTEGER, '', [], {}, true, 0.5, 'x'.repeat(300)) // biome-ignore format: one line
    fc.assert(
      fc.property(
        fc.nat(all.length - 1),
        fc.nat(60),
        fc.oneof(extreme, fc.jsonValue()),
        (at, path, value) => {
          const changed = [...all]
          changed[at] = JSON.stringify(changeOne(JSON.parse(all[at]!), path, value))
          let handed: Handed
          try {
            handed = read(changed)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
            return
          }
          // What is accepted can be continued with, and judged.
          const moving = new Moving()
          moving.live(3)
          moving.freeze()
          moving.move('before', handed)
          moving.live(1)
          for (const verdict of Object.values(verdicts(moving.next)))
            expect(verdict).toMatchObject({ state: expect.any(String) })
          moving.next.metrics()
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('random bytes are refused', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), texts => {
        expect(() => read(texts)).toThrow()
      }),
      { numRuns: 1000 },
    )
  })
})

/** Replaces one of the values in a JSON document, chosen by number. */
function changeOne(document: unknown, number: number, value: unknown): unknown {
  const places: (() => void)[] = []
  const visit = (node: unknown) => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, child] of Object.entries(node)) {
      places.push(() => Object.assign(node, { [key]: value }))
      visit(child)
    }
  }
  visit(document)
  if (places.length === 0) return value
  places[number % places.length]!()
  return document
}

describe('of a relayed run', () => {
  const labels = { job: 'j', instance: 'relayed' }
  const exposition = '# HELP x X.\n# TYPE x gauge\nx 7\n'
  const record = (app: FakeApp, collectedAt: number, end = false, appendedAt = collectedAt) =>
    app.record({ exposition, collectedAt, sequence: collectedAt, end, appendedAt })

  test('whose last snapshot is older than the replay, the content is read back', () => {
    const moving = new Moving()
    const slow = new FakeApp({ labels, intervalMs: 600_000, incarnation: RELAYED_RUNS.mirror })
    moving.append(record(slow, moving.owner.wall))
    moving.live(90)
    expect(moving.move()).toBe(false)
    const { shard, now } = moving.next
    expect(shard.find(slow.latin1Key)).toBeUndefined()
    shard.beginPast(0, now)
    for (const past of moving.records.slice(0, 30)) expect(shard.applyPast(0, past, now)).toBeNull()
    runNow(shard.endPastSteps(0, now))
    expect(moving.next.state(slow)).toBe('up')
    expect(moving.next.target(slow)).toContain('x 7\n')
  })

  test('that has ended before the replay, what is repeated in it is a repeat', () => {
    const moving = new Moving()
    const app = new FakeApp({ labels, intervalMs: 5000, incarnation: RELAYED_RUNS.push })
    const began = moving.owner.wall
    moving.append(record(app, began))
    moving.live(5)
    moving.append(record(app, began + 5000, true))
    moving.live(80)
    moving.append(record(app, began, false, moving.owner.wall))
    moving.append(record(app, moving.owner.wall, true))
    expect(moving.move()).toBe(true)
    const { shard } = moving.next
    expect(moving.next.state(app)).toBe('ended')
    expect([shard.counters.repeated, shard.counters.refused.size]).toEqual([1, 0])
  })
})
