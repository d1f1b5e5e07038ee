import fc from 'fast-check'
import { at } from './text.js'
import type { WrittenSeries } from './write-request.js'

/** What an agent has seen of one target, in order, seconds. */
export interface TrueScrape {
  readonly time: number
  readonly outcome: 'success' | 'failure' | 'end'
  /** Values by series. */
  readonly values: ReadonlyMap<string, number>
  /** Series that left. */
  readonly stale: readonly string[]
}

export interface AgentRecord {
  /** Log time, seconds. */
  readonly time: number
  readonly target: string
  readonly series: readonly WrittenSeries[]
}

export interface AgentLog {
  readonly scrapes: ReadonlyMap<string, readonly TrueScrape[]>
  readonly records: readonly AgentRecord[]
}

interface Plan {
  readonly shards: number
  /** Delay of each shard, seconds, and of one of them in addition during a part of the time. */
  readonly delays: readonly number[]
  readonly held: { readonly shard: number; readonly from: number; readonly seconds: number }
  readonly batch: number
  readonly targets: readonly {
    readonly interval: number
    readonly phase: number
    readonly series: number
    /** For each scrape: 0 fails, 1 ends, 2 loses a series, 3 gets one, else nothing changes. */
    readonly events: readonly number[]
  }[]
}

export const agentPlans = (maxDelay: number): fc.Arbitrary<Plan> =>
  fc.record({
    shards: fc.integer({ min: 1, max: 8 }),
    delays: fc.array(fc.integer({ min: 0, max: maxDelay }), { minLength: 8, maxLength: 8 }),
    held: fc.record({
      shard: fc.nat(7),
      from: fc.nat(60),
      seconds: fc.constantFrom(0, 0, 30),
    }),
    batch: fc.integer({ min: 1, max: 40 }),
    targets: fc.array(
      fc.record({
        interval: fc.constantFrom(5, 10, 15),
        phase: fc.nat(4),
        series: fc.integer({ min: 1, max: 6 }),
        events: fc.array(fc.nat(14), { minLength: 3, maxLength: 24 }),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  })

interface Sample {
  readonly target: string
  readonly name: string
  readonly time: number
  readonly value: number | 'stale'
}

/** What an agent sends in several shards, as it is in the log. */
export function agentLog(plan: Plan): AgentLog {
  const scrapes = new Map<string, readonly TrueScrape[]>()
  const samples: Sample[] = []
  plan.targets.forEach((target, i) => {
    const name = `instance="${i}",job="a"`
    const list = scrapesOf(target)
    scrapes.set(name, list)
    for (const scrape of list) samples.push(...samplesOf(name, scrape))
  })
  samples.sort((a, b) => a.time - b.time)
  const records: (AgentRecord & { readonly shard: number })[] = []
  for (let shard = 0; shard < plan.shards; shard++) {
    const own = samples.filter(({ target, name }) => hash(target + name) % plan.shards === shard)
    let last = 0
    // A request has samples of several times only if its shard was held back.
    for (let from = 0; from < own.length; ) {
      const { time } = own[from]!
      const isHeld = plan.held.shard % plan.shards === shard && time >= plan.held.from
      const until = isHeld ? Math.max(time, plan.held.from + plan.held.seconds) : time
      let to = from
      while (to < own.length && to - from < plan.batch && own[to]!.time <= until) to++
      last = Math.max(last, until + plan.delays[shard]!)
      for (const target of scrapes.keys()) {
        const series = own.slice(from, to).filter(sample => sample.target === target)
        if (series.length > 0)
          records.push({ shard, time: last, target, series: series.map(written) })
      }
      from = to
    }
  }
  records.sort((a, b) => a.time - b.time || a.shard - b.shard)
  return { scrapes, records }
}

function scrapesOf({ interval, phase, series, events }: Plan['targets'][number]): TrueScrape[] {
  let alive = Array.from({ length: series }, (_, i) => `x${i}`)
  let known: string[] = []
  let added = series
  let value = 0
  return events.map((event, i) => {
    const time = phase + i * interval
    if (event === 2 && alive.length > 1) alive = alive.slice(1)
    if (event === 3) alive = [...alive, `x${added++}`]
    const outcome = event === 0 ? 'failure' : event === 1 ? 'end' : 'success'
    const now = outcome === 'success' ? alive : []
    const stale = known.filter(name => !now.includes(name))
    known = now
    return { time, outcome, values: new Map(now.map(name => [name, ++value])), stale }
  })
}

function samplesOf(target: string, { time, outcome, values, stale }: TrueScrape): Sample[] {
  const of = (name: string, value: number | 'stale') => ({ target, name, time, value })
  return [
    ...[...values].map(([name, value]) => of(name, value)),
    ...stale.map(name => of(name, 'stale')),
    of('up', outcome === 'end' ? 'stale' : Number(outcome === 'success')),
    of('scrape_duration_seconds', outcome === 'end' ? 'stale' : 0.5),
    of('scrape_samples_post_metric_relabeling', outcome === 'end' ? 'stale' : values.size),
  ]
}

const written = ({ target, name, time, value }: Sample): WrittenSeries => ({
  labels: {
    __name__: name,
    ...Object.fromEntries([...target.matchAll(/(\w+)="(\w+)"/g)].map(([, n, v]) => [n!, v!])),
  },
  samples: [{ time: at(time), value }],
})

function hash(text: string): number {
  let hash = 7
  for (const character of text) hash = (hash * 31 + character.charCodeAt(0)) >>> 0
  return hash >>> 3
}
