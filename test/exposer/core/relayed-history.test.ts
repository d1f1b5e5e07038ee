import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runNow } from '../../../shared/base/steps.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import { RELAYED_RUNS } from '../../../shared/snapshot/relayed.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const START = 1_700_000_000_000
const INTERVAL_MS = 5000
const REPLAYED_MS = 60_000
const FAMILIES = ['a', 'b', 'c']
/** All series have the same value, by which mixed parts are found. */
const exposition = (value: number) =>
  FAMILIES.map(name => `# HELP ${name} H.\n# TYPE ${name} gauge\n${name} ${value}\n`).join('')

interface Item {
  readonly kind: 'snapshot' | 'split' | 'fail' | 'end'
}

/** The collection of an item of the history, and the value that a gateway writes for it. */
const collectedAt = (index: number) => START + index * INTERVAL_MS
const valueBy = (index: number, gateway: number) => 10 * index + gateway

function recordsOf(history: readonly Item[], index: number, gateway: number): LogRecord[] {
  const { kind } = history[index]
  const app = new FakeApp({
    intervalMs: INTERVAL_MS,
    incarnation: RELAYED_RUNS.push,
    partBytes: kind === 'split' ? 50 : undefined,
  })
  const at = collectedAt(index)
  const common = { collectedAt: at, sequence: at, superseded: gateway }
  if (kind === 'fail') return [app.failure(`no answer ${index}`, common)]
  const value = valueBy(index, gateway)
  return app.records({ ...common, exposition: exposition(value), end: kind === 'end' })
}

/** A gateway that passes on the history, in order, and may begin again at an earlier item. */
class Gateway {
  #next = 0
  #unsent: LogRecord[] = []

  constructor(
    private readonly history: readonly Item[],
    private readonly number: number,
    private readonly append: (record: LogRecord, notBefore: number) => void,
  ) {}

  get done(): boolean {
    return this.#next === this.history.length && this.#unsent.length === 0
  }

  /** Appends a number of records. */
  send(count: number): void {
    for (let i = 0; i < count && !this.done; i++) {
      if (this.#unsent.length === 0)
        this.#unsent = recordsOf(this.history, this.#next++, this.number)
      this.append(this.#unsent.shift()!, collectedAt(this.#next - 1))
    }
  }

  /** What was not acknowledged is sent again. */
  restart(back: number): void {
    this.#next = Math.max(0, this.#next - Math.max(back, this.#unsent.length > 0 ? 1 : 0))
    this.#unsent = []
  }
}

/** A shard that reads what gateways append. */
class Reading {
  readonly fake = new FakeShard(START, { playoutDelayMs: 0 })
  readonly key = new FakeApp().latin1Key
  readonly seen: number[] = []
  readonly #log: LogRecord[] = []

  append(record: LogRecord, notBefore: number): void {
    const { fake } = this
    if (notBefore > fake.wall) fake.pass(notBefore - fake.wall)
    const filed = { ...record, offset: this.#log.length, timestamp: fake.wall }
    this.#log.push(filed)
    fake.shard.apply(0, filed, fake.now)
    fake.fetch()
  }

  /** The shard dies, and its successor replays the end of the log. */
  crash(): void {
    const { shard, now, wall } = this.fake
    const length = this.#log.length
    const from = this.#log.findIndex(({ timestamp }) => timestamp >= wall - REPLAYED_MS)
    shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, now)
    runNow(shard.releaseSteps())
    shard.replay(0, from < 0 ? length : from, length, now)
    if (from >= 0) for (const record of this.#log.slice(from)) shard.apply(0, record, now)
    shard.fetched(0, length, length, now)
  }

  scrape(): void {
    for (const [, value] of this.fake.all('p').matchAll(/^a\{.*\} (\d+) \d+$/gm))
      this.seen.push(Math.floor(Number(value) / 10))
  }

  /** What is exposed, without the gateway that wrote it. */
  get exposed() {
    const { shard, now } = this.fake
    const target = shard.find(this.key)
    if (!target) return undefined
    const { state, reason, sequence, relayed, intervalMs, runs } = shard.describe(target, now)
    const samples = this.fake.target(new FakeApp()).matchAll(/^[abc] (\d+)$/gm)
    const values = new Set(Array.from(samples, ([, value]) => Number(value)))
    expect(values.size, 'parts of two gateways are not mixed').toBeLessThanOrEqual(1)
    const items = state === 'up' ? [...values].map(value => Math.floor(value / 10)) : []
    return { state, reason, sequence, relayed, intervalMs, runs, items }
  }

  expectToAddUp(): void {
    const { ledger } = this.fake.shard
    const { published, dropped, ...terms } = ledger.entry()
    const counts = [...Object.values(terms), ...Object.values(dropped)]
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(0)
    expect(counts.reduce((a, b) => a + b, 0)).toBe(published)
    expect(terms.missed + terms.superseded).toBe(0)
  }
}

const anyHistory = fc.array(
  fc.record({
    kind: fc.constantFrom<Item['kind'][]>('snapshot', 'snapshot', 'split', 'split', 'fail', 'end'),
  }),
  { minLength: 1, maxLength: 25, size: 'max' },
)
const anyStep = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      gateway: fc.nat(1),
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('restart' as const),
      gateway: fc.nat(1),
      back: fc.nat(8),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('scrape' as const) }) },
)
const anySteps = fc.array(anyStep, { maxLength: 60, size: 'max' })
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

/** Two gateways relay the history, in any interleaving, and at last all of it. */
function relayByTwo(history: readonly Item[], steps: readonly Step[]): Reading {
  const reading = new Reading()
  const append = (record: LogRecord, notBefore: number) => reading.append(record, notBefore)
  const gateways = [1, 2].map(number => new Gateway(history, number, append))
  for (const step of steps) {
    if (step.do === 'send') gateways[step.gateway].send(step.count)
    else if (step.do === 'restart') gateways[step.gateway].restart(step.back)
    else if (step.do === 'crash') reading.crash()
    else reading.scrape()
    reading.expectToAddUp()
    expect(reading.exposed?.runs ?? 1).toBe(1)
  }
  while (gateways.some(gateway => !gateway.done)) for (const gateway of gateways) gateway.send(1)
  return reading
}

function relayInOrder(history: readonly Item[]): Reading {
  const reading = new Reading()
  new Gateway(history, 1, (record, notBefore) => reading.append(record, notBefore)).send(1000)
  return reading
}

describe('a history that two gateways relay, with restarts, repeats and crashes of the shard', () => {
  test('is exposed as if one gateway had relayed it in order', () => {
    fc.assert(
      fc.property(anyHistory, anySteps, (history, steps) => {
        const reading = relayByTwo(history, steps)
        const reference = relayInOrder(history)
        expect(reading.fake.shard.counters.refused.size).toBe(0)
        // Which of several ends came first decides for how long the final values are exposed.
        if (history.at(-1)!.kind === 'end')
          for (const { fake } of [reading, reference]) fake.pass(INTERVAL_MS)
        expect(reading.exposed).toEqual(reference.exposed)
        reading.crash()
        expect(reading.exposed).toEqual(reference.exposed)
        for (const { fake } of [reading, reference]) fake.pass(3 * INTERVAL_MS)
        expect(reading.exposed).toEqual(reference.exposed)
        reading.expectToAddUp()
      }),
      { numRuns: 60 },
    )
  })

  test('has every sample in the view all', () => {
    fc.assert(
      fc.property(anyHistory, anySteps, (history, steps) => {
        const whole = history.map(({ kind }): Item => ({ kind: kind === 'split' ? 'fail' : kind }))
        const scraped = steps.filter(step => step.do !== 'crash')
        const reading = relayByTwo(whole, [{ do: 'scrape' }, ...scraped])
        reading.scrape()
        const items = whole.flatMap(({ kind }, i) => {
          const repeatsEnd = kind === 'end' && (i === 0 || whole[i - 1].kind === 'end')
          return kind === 'fail' || (repeatsEnd && i > 0) ? [] : [i]
        })
        expect(new Set(reading.seen)).toEqual(new Set(items))
      }),
      { numRuns: 60 },
    )
  })
})
