import fc from 'fast-check'
import { expect } from 'vitest'
import { bookWritten } from '../../exposer/core/booking.js'
import { NoMemory } from '../../exposer/core/render/massive/chosen.js'
import { MassiveScrape } from '../../exposer/core/render/massive/massive.js'
import { REPORT_NAMES } from '../../exposer/core/render/massive/report.js'
import { VIEWS } from '../../exposer/core/render/massive/view.js'
import { prepareTarget, renderTarget } from '../../exposer/core/render/target.js'
import { runNow } from '../../shared/base/steps.js'
import { TEXT } from '../../shared/exposition/format.js'
import { FakeApp } from './records.js'
import { FakeShard } from './shard.js'

const gauge = (name: string, value: number) =>
  `# HELP ${name} H.\n# TYPE ${name} gauge\n${name} ${value}\n`
const counter = (name: string, value: number) =>
  `# HELP ${name} H.\n# TYPE ${name} counter\n${name} ${value}\n`

/**
 * Expositions whose layouts share families, conflict in the type of one, and need several records
 * when split.
 */
const EXPOSITIONS = [
  (value: number) => gauge('x', value),
  (value: number) => gauge('x', value) + gauge('y', value),
  (value: number) => counter('x', value),
  (value: number) => Array.from({ length: 12 }, (_, i) => gauge(`part_${i}`, value)).join(''),
  (value: number) => Array.from({ length: 40 }, (_, i) => gauge(`over_${i}`, value)).join(''),
]
const LIMITS = {
  samples: 30,
  labels: 64,
  nameBytes: 1024,
  valueBytes: 4096,
  bytes: 1 << 20,
  parts: 64,
}

const few = fc.nat(2)
/** An event that may happen to a shard. */
export const anyStep = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      app: few,
      exposition: fc.oneof(fc.constant(0), fc.nat(EXPOSITIONS.length - 1)),
      split: fc.nat(2).map(n => n === 0),
      lost: fc.option(fc.nat(3), { freq: 4 }),
      garbage: fc.nat(3).map(n => n === 0),
      again: fc.nat(9).map(n => n === 0),
      restart: fc.nat(9).map(n => n === 0),
      end: fc.nat(9).map(n => n === 0),
      fails: fc.nat(5).map(n => n === 0),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('begin' as const),
      app: fc.option(few, { freq: 1 }),
      view: few,
      scraper: fc.constantFrom('p', 'q', 'r'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('write' as const), which: few, chunks: fc.nat(3) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('end' as const), which: few, written: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('move' as const), records: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(500, 5000, 40_000),
    }),
  },
)

type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

/** A response that is being written. */
class Response {
  /** Text that has been written. */
  text = ''

  constructor(
    private readonly chunks: Iterator<Buffer>,
    readonly end: (written: boolean) => void,
  ) {}

  /** Writes the next chunk. @returns false if there is none */
  write(): boolean {
    const chunk = this.chunks.next()
    // A chunk is valid only until the next one is requested.
    if (!chunk.done) this.text += chunk.value.toString()
    return !chunk.done
  }

  abort(): void {
    this.chunks.return?.()
  }
}

/**
 * Expects that samples of different snapshots are not mixed: all samples of a snapshot have the
 * same value.
 */
function expectUnmixed(text: string): void {
  const values = new Map<string, string>()
  for (const [, name, labels = '', value, time = ''] of text.matchAll(SAMPLE)) {
    if (REPORT_NAMES.has(name) || name === 'exposer_target_snapshot_age_seconds') continue
    const snapshot = `${/instance="\d"/.exec(labels)} ${time}`
    expect(values.get(snapshot) ?? value).toBe(value)
    values.set(snapshot, value)
  }
}

const SAMPLE = /^(\w+)(?:\{(.*)\})? (\S+)(?: (\d+))?$/gm

/**
 * A shard with apps and scrapers, driven step by step. Responses may be written while other steps
 * happen.
 */
export class ShardHistory {
  readonly fake: FakeShard
  readonly responses: Response[] = []
  readonly #apps: { incarnation: number; sequence: number }[]
  #offset = 0
  #value = 0

  constructor(options: ConstructorParameters<typeof FakeShard>[1]) {
    this.fake = new FakeShard(undefined, { ...options, limits: LIMITS })
    this.#apps = [0, 1, 2].map(() => ({ incarnation: 1000, sequence: 0 }))
  }

  get shard() {
    return this.fake.shard
  }

  take(step: Step): void {
    if (step.do === 'publish') this.#publish(step)
    else if (step.do === 'begin') this.#begin(step)
    else if (step.do === 'write') this.#write(step.which, step.chunks)
    else if (step.do === 'end') this.#end(step.which, step.written)
    else if (step.do === 'move') this.#move(step.records)
    else if (step.do === 'lose') this.#lose()
    else this.#pass(step.ms)
  }

  /** Loses all partitions and aborts all responses. */
  finish(): void {
    this.#lose()
    while (this.responses.length > 0) this.#end(0, false)
  }

  #publish(step: Extract<Step, { do: 'publish' }>): void {
    const app = this.#apps[step.app]
    if (step.restart) Object.assign(app, { incarnation: app.incarnation + 1, sequence: 0 })
    this.fake.wall += 300
    const fake = this.#appOf(step.app, step.split)
    const sequence = step.again ? Math.max(0, app.sequence - 1) : app.sequence++
    const collectedAt = this.fake.wall
    const exposition = EXPOSITIONS[step.exposition](++this.#value)
    const records = step.fails
      ? [fake.failure('no answer', { collectedAt, sequence })]
      : fake.records({ exposition, collectedAt, sequence, end: step.end })
    for (const [i, record] of records.entries()) {
      if (i === step.lost) continue
      if (step.garbage) record.value!.fill(0xff, record.value!.length - 3)
      this.shard.apply(0, { ...record, offset: this.#offset++ }, this.fake.now)
    }
    this.shard.fetched(0, this.#offset, this.#offset, this.fake.now)
  }

  #begin({ app, view, scraper }: Extract<Step, { do: 'begin' }>): void {
    const { shard, fake } = this
    if (app === null) {
      this.#beginMassive(view, scraper)
      return
    }
    const target = shard.find(this.#appOf(app, false).latin1Key)
    const played =
      target && shard.judge(target, fake.now).state === 'up' && shard.played(target, fake.now)
    if (!target || !played) return
    shard.store.acquire(played)
    const end = (written: boolean) => {
      if (written) bookWritten(played)
      shard.store.release(played)
    }
    const ready = runNow(prepareTarget(played, TEXT))
    this.responses.push(new Response(renderTarget(played, ready, TEXT, fake.now), end))
  }

  /** Writes some chunks of a response. */
  #write(which: number, chunks: number): void {
    const response = this.responses[which % this.responses.length]
    for (let i = 0; response && i < chunks; i++) response.write()
  }

  #end(which: number, written: boolean): void {
    const [response] = this.responses.splice(which % this.responses.length, 1)
    if (!response) return
    if (written) while (response.write());
    else response.abort()
    response.end(written)
    if (written) expectUnmixed(response.text)
  }

  /** Loses the partition and gets it back, with a number of records to replay. */
  #move(records: number): void {
    this.#lose()
    this.shard.assign(
      { epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] },
      this.fake.now,
    )
    this.shard.replay(0, this.#offset, this.#offset + records, this.fake.now)
  }

  #lose(): void {
    this.shard.assign(
      { epoch: 2, partitionCount: 1, kept: [], fresh: [], lost: [0] },
      this.fake.now,
    )
    runNow(this.shard.releaseSteps())
  }

  #pass(ms: number): void {
    this.fake.pass(ms)
    this.shard.sweep(this.fake.now)
  }

  /** Whether only the targets hold snapshots. */
  get alone(): boolean {
    const incoming = [...this.shard.targets()].some(target => target.incoming?.size)
    return this.responses.length === 0 && this.shard.history.length === 0 && !incoming
  }

  #beginMassive(view: number, scraper: string): void {
    const { shard } = this
    const { now } = this.fake
    const span = VIEWS[view] === 'all' ? shard.history.open(scraper, now) : undefined
    if (VIEWS[view] === 'all' && !span) return
    const scrape = new MassiveScrape(shard, { view: VIEWS[view], format: TEXT, now, scraper, span })
    const end = (written: boolean) => {
      runNow(scrape.end(written))
      if (span) shard.history.close(span)
    }
    try {
      runNow(scrape.prepare())
      this.responses.push(new Response(scrape.render(), end))
    } catch (error) {
      end(false)
      if (!(error instanceof NoMemory)) throw error
    }
  }

  #appOf(number: number, split: boolean): FakeApp {
    const { incarnation } = this.#apps[number]
    const labels = { job: 'j', instance: `${number}` }
    return new FakeApp({
      labels,
      intervalMs: 1000,
      incarnation,
      partBytes: split ? 100 : undefined,
    })
  }
}
