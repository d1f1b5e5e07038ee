import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runNow } from '../../../shared/base/steps.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const x = (value: number) => `# HELP x X.\n# TYPE x gauge\nx ${value}\n`

/** The samples of `x`, as `value@seconds since the start`. */
function samples(exposition: string, start: number): string[] {
  return [...exposition.matchAll(/^x\{.*\} (\S+) (\d+)$/gm)].map(
    ([, value, ms]) => `${value}@${(Number(ms) - start) / 1000}`,
  )
}

const setting = (options = {}) => {
  const shard = new FakeShard(undefined, options)
  const app = new FakeApp({ intervalMs: 1000 })
  const start = shard.wall
  let value = 0
  const publish = () => {
    shard.pass(1000)
    shard.publish(app, { exposition: x(++value), collectedAt: shard.wall })
  }
  const seen = (scraper: string, written = true) => samples(shard.all(scraper, { written }), start)
  const dropped = () => Object.fromEntries(shard.shard.history.dropped)
  return { shard, app, publish, seen, dropped }
}

describe('the view all', () => {
  test('exposes the newest snapshot to a new scraper, and then each snapshot since its last scrape, ascending', () => {
    const { publish, seen } = setting()
    publish()
    publish()
    expect(seen('a')).toEqual(['2@2'])
    publish()
    publish()
    publish()
    expect(seen('a')).toEqual(['3@3', '4@4', '5@5'])
  })

  test('repeats the newest snapshot when there is no new one, so that no series becomes stale', () => {
    const { publish, seen } = setting()
    publish()
    expect(seen('a')).toEqual(['1@1'])
    expect(seen('a')).toEqual(['1@1'])
    publish()
    expect(seen('a')).toEqual(['2@2'])
  })

  test('each scraper has its own position', () => {
    const { publish, seen } = setting()
    publish()
    seen('a')
    seen('b')
    publish()
    expect(seen('a')).toEqual(['2@2'])
    publish()
    expect(seen('a')).toEqual(['3@3'])
    expect(seen('b')).toEqual(['2@2', '3@3'])
  })

  test('repeats what a failed response contained, and nothing that a complete one did', () => {
    const { publish, seen } = setting()
    publish()
    seen('a')
    publish()
    publish()
    expect(seen('a', false)).toEqual(['2@2', '3@3'])
    publish()
    expect(seen('a')).toEqual(['2@2', '3@3', '4@4'])
    expect(seen('a')).toEqual(['4@4'])
  })

  test('exposes what a target published before it became stale, and then nothing of it', () => {
    const { shard, publish, seen } = setting()
    publish()
    seen('a')
    publish()
    publish()
    shard.pass(5000)
    expect(seen('a')).toEqual(['2@2', '3@3'])
    expect(seen('a')).toEqual([])
  })

  test('the samples of a series ascend also when the layout changed in between, and changed back', () => {
    const { shard, app, seen } = setting()
    const more = '# HELP y Y.\n# TYPE y gauge\ny 1\n'
    const publish = (exposition: string) => {
      shard.pass(1000)
      shard.publish(app, { exposition, collectedAt: shard.wall })
    }
    publish(x(1) + more)
    seen('a')
    publish(x(2))
    publish(x(3) + more)
    publish(x(4))
    expect(seen('a')).toEqual(['2@2', '3@3', '4@4'])
  })

  test('is the only view that holds snapshots, and only while there are scrapers of it', () => {
    const { shard, publish, seen } = setting({ historyMaxAgeMs: 10_000 })
    publish()
    shard.metrics()
    publish()
    expect(shard.shard.history.length).toBe(0)
    seen('a')
    publish()
    expect(shard.shard.history.length).toBe(1)
    shard.pass(10_500)
    shard.shard.sweep(shard.now)
    publish()
    expect(shard.shard.history.length).toBe(0)
    expect(shard.shard.history.bytes).toBe(0)
  })

  test('exposes nothing older than the maximum age, and counts what it omits', () => {
    const { shard, publish, seen, dropped } = setting({ historyMaxAgeMs: 4000 })
    publish()
    seen('a')
    for (let i = 0; i < 3; i++) publish()
    seen('b')
    for (let i = 0; i < 3; i++) publish()
    expect(seen('a')).toEqual(['3@3', '4@4', '5@5', '6@6', '7@7'])
    expect(dropped()).toEqual({ too_old: 1 })
    for (let i = 0; i < 3; i++) publish()
    shard.shard.sweep(shard.now)
    // Those of 5 s for b alone, which a has had; b asked 6 s ago and is forgotten with what it had
    // not seen: 6 of them.
    expect(dropped()).toEqual({ too_old: 1, scraper_gone: 6 })
    expect(shard.shard.history.scrapers).toEqual(['a'])
  })

  test('is bounded in bytes: the oldest is dropped first, counted once for each scraper that had not received it', () => {
    const { shard, publish, seen, dropped } = setting({ historyBytes: 3 * 900 })
    publish()
    seen('a')
    seen('b')
    for (let i = 0; i < 3; i++) publish()
    seen('b')
    publish()
    publish()
    expect(shard.shard.history.bytes).toBeLessThanOrEqual(3 * 900)
    expect(dropped()).toEqual({ history_full: 2 })
    expect(seen('a')).toEqual(['4@4', '5@5', '6@6'])
  })

  test('is bounded in scrapers: one too many is refused, and accepted when another has stopped scraping', () => {
    const { shard, publish, seen } = setting({ maxScrapers: 2, historyMaxAgeMs: 10_000 })
    for (let i = 0; i < 2; i++) {
      publish()
      seen('a')
      seen('b')
    }
    expect(() => seen('c')).toThrow('too many')
    for (let i = 0; i < 11; i++) {
      publish()
      seen('b')
    }
    shard.shard.sweep(shard.now)
    expect(seen('c')).toEqual(['13@13'])
  })

  test('held snapshots of a partition that moves without a handover are counted', () => {
    const { shard, publish, seen, dropped } = setting()
    publish()
    seen('a')
    publish()
    publish()
    const lost = { epoch: 2, partitionCount: 1, kept: [], fresh: [], lost: [0] }
    const [frozen] = shard.shard.assign(lost, shard.now)
    runNow(shard.shard.releaseSteps())
    expect(dropped()).toEqual({})
    shard.shard.expire(frozen!)
    expect(dropped()).toEqual({ moved: 2 })
    expect(seen('a')).toEqual([])
    expect(shard.shard.history.bytes).toBe(0)
  })

  test('delivered snapshots are released in steps, and faster than new ones arrive', () => {
    const { shard, publish, seen, dropped } = setting({ historyMaxAgeMs: 1e9 })
    const { history } = shard.shard
    publish()
    seen('a')
    for (let i = 0; i < 5000; i++) publish()
    seen('a')
    expect(history.length).toBe(4000)
    for (let i = 0; i < 1000; i++) publish()
    expect(history.length).toBe(4000 - 1000)
    shard.shard.sweep(shard.now)
    expect(history.length).toBe(1000)
    expect(dropped()).toEqual({})
  })

  test('the samples of a series ascend also when clocks are set back', () => {
    const { shard, app, seen, dropped } = setting({ maxSkewMs: 1000 })
    const at = shard.wall
    shard.publish(app, { exposition: x(1), collectedAt: at, appendedAt: at })
    seen('a')
    shard.publish(app, { exposition: x(2), collectedAt: at + 5000, appendedAt: at + 5000 })
    // Another leader's clock is behind: the same append is some seconds earlier, and the collection
    // with it.
    shard.publish(app, { exposition: x(3), collectedAt: at + 6000, appendedAt: at + 2000 })
    expect(seen('a')).toEqual(['2@5'])
    expect(dropped()).toEqual({ not_ascending: 1 })
  })

  test('a held snapshot is pending in the ledger, and written when it was exposed', () => {
    const { shard, publish, seen } = setting()
    publish()
    seen('a')
    for (let i = 0; i < 5; i++) publish()
    expect(shard.shard.ledger.entry()).toMatchObject({
      published: 6,
      written: 1,
      pending: 5,
      dropped: {},
    })
    seen('a', false)
    expect(shard.shard.ledger.pending).toBe(5)
    seen('a')
    expect(shard.shard.ledger.entry()).toMatchObject({ written: 6, pending: 0, dropped: {} })
  })

  test('after any sequence of events, each scraper has received each sample at most once, ascending, and the others are counted', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('publish' as const), app: fc.nat(2) }) },
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('scrape' as const),
          by: fc.constantFrom('p', 'q', 'r'),
          written: fc.boolean(),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(9000) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
    )
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 120, size: 'max' }),
        fc.constantFrom(700, 2000, 1e6),
        (steps, historyBytes) => {
          const shard = new FakeShard(undefined, {
            historyMaxAgeMs: 12_000,
            historyBytes,
            maxScrapers: 2,
          })
          const { history, ledger } = shard.shard
          const apps = [0, 1, 2].map(
            i => new FakeApp({ labels: { job: `${i}` }, intervalMs: 5000 }),
          )
          /**
           * By scraper: the samples that it is due since it has a place, and those of them that it
           * has had.
           */
          const due = new Map<string, Set<string>>()
          const had = new Map<string, Set<string>>()
          let missing = 0
          const settle = (name: string) => {
            missing += due.get(name)!.size - had.get(name)!.size
            due.delete(name)
            had.delete(name)
          }
          const leave = () => {
            for (const name of due.keys()) if (!history.scrapers.includes(name)) settle(name)
          }
          let value = 0
          for (const one of steps) {
            if (one.do === 'publish') {
              shard.wall += 7
              shard.publish(apps[one.app], { exposition: x(++value), collectedAt: shard.wall })
              for (const list of due.values()) list.add(`${value}`)
            } else if (one.do === 'pass') shard.pass(one.ms)
            else if (one.do === 'sweep') {
              shard.shard.sweep(shard.now)
              leave()
            } else {
              const first = !history.scrapers.includes(one.by)
              const text = attempt(() => shard.all(one.by, { written: one.written }))
              // A scraper that has no place, because both others are active.
              if (text === undefined) continue
              // A scraper that was replaced.
              leave()
              if (first) {
                due.set(one.by, new Set())
                had.set(one.by, new Set())
              }
              const last = new Map<string, number>()
              const again = new Map<string, boolean[]>()
              for (const [, job, sample, ms] of text.matchAll(/^x\{job="(\d)"\} (\d+) (\d+)$/gm)) {
                expect(Number(ms)).toBeGreaterThan(last.get(job) ?? 0)
                expect(shard.wall - Number(ms)).toBeLessThanOrEqual(12_000)
                last.set(job, Number(ms))
                again.set(job, [...(again.get(job) ?? []), had.get(one.by)!.has(sample)])
                if (one.written && due.get(one.by)!.has(sample)) had.get(one.by)!.add(sample)
              }
              // Nothing but the newest of each comes again.
              for (const list of again.values()) expect(list.slice(0, -1)).not.toContain(true)
            }
            expect(history.bytes).toBeLessThanOrEqual(historyBytes)
            expect(ledger.pending).toBeGreaterThanOrEqual(0)
          }
          for (const name of due.keys()) {
            for (const [, sample] of shard.all(name).matchAll(/^x\{.*\} (\d+) \d+$/gm)) {
              if (due.get(name)!.has(sample)) had.get(name)!.add(sample)
            }
          }
          for (const name of due.keys()) settle(name)
          const counted = [...history.dropped.values()].reduce((sum, count) => sum + count, 0)
          // One that was crowded out and is still the newest of its target is shown after all.
          if (historyBytes === 1e6) expect(counted).toBe(missing)
          else expect(counted).toBeGreaterThanOrEqual(missing)
          expect(history.length).toBe(0)
        },
      ),
      { numRuns: 200 },
    )
  })
})

function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if ((error as Error).message === 'too many scrapers') return undefined
    throw error
  }
}
