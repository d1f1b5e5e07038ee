import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemoryBudget } from '../../../gateway/mirrors/state/budget.js'
import { noMirrorFigures } from '../../../gateway/mirrors/state/figures.js'
import type { Made } from '../../../gateway/mirrors/state/made.js'
import { stateMs } from '../../../gateway/mirrors/state/options.js'
import { MirrorPartition, type TargetMade } from '../../../gateway/mirrors/state/partition.js'
import { type AgentLog, agentLog, agentPlans } from './agent-log.js'
import { at, collect, keyOf, linesOf, madeText, OPTIONS } from './text.js'
import { writeRequest } from './write-request.js'

const RUNS = Number(process.env.PROPERTY_RUNS ?? 200)

const partition = (options = OPTIONS) => {
  const budget = new MemoryBudget(() => Number.POSITIVE_INFINITY)
  return new MirrorPartition({ options, figures: noMirrorFigures(), budget })
}

/** Everything that is published of a log from an offset on. */
function mirror(
  { records }: AgentLog,
  { from = 0, options = OPTIONS, carried = 0 } = {},
): TargetMade[] {
  const machine = partition(options)
  const made: TargetMade[] = []
  for (let offset = from; offset < records.length; offset++) {
    const { time, target, series } = records[offset]!
    // Log time may be carried on to any time up to the next record.
    const before = records[offset - 1]?.time ?? time
    if (offset > from && carried > 0)
      made.push(...collect(machine.advance(at(before + (time - before) * carried))))
    const request = writeRequest(series)
    made.push(...collect(machine.apply({ offset, time: at(time), key: keyOf(target), request })))
  }
  made.push(...collect(machine.advance(at(records.at(-1)!.time + 130))))
  return made
}

const ofTarget = (made: readonly TargetMade[], target: string): Made[] =>
  made.filter(({ target: { key } }) => key.equals(keyOf(target))).map(({ made }) => made)

describe('what an agent sends in any number of shards, pieces and orders', () => {
  test('each scrape is published once, in order, as what it was', () => {
    fc.assert(
      fc.property(agentPlans(9), plan => {
        const log = agentLog(plan)
        const made = mirror(log)
        for (const [target, scrapes] of log.scrapes) {
          const own = ofTarget(made, target).filter(
            one => one.kind !== 'snapshot' || one.assembly !== 'interval',
          )
          expect(own.map(({ kind, collectedAt }) => [kind, collectedAt])).toEqual(
            scrapes.map(({ outcome, time }) => [
              outcome === 'success' ? 'snapshot' : outcome,
              at(time),
            ]),
          )
        }
      }),
      { numRuns: RUNS },
    )
  })

  test('a value is that of its scrape, or of an earlier one with its time', () => {
    fc.assert(
      fc.property(agentPlans(9), plan => {
        const log = agentLog(plan)
        const made = mirror(log)
        for (const [target, scrapes] of log.scrapes) {
          for (const one of ofTarget(made, target)) {
            if (one.kind !== 'snapshot') continue
            for (const line of linesOf(one)) {
              const [, name, value, time] = /^(\S+) (\S+)(?: @(\S+))?$/.exec(line)!
              const when = time === undefined ? one.collectedAt : at(Number(time))
              expect(when).toBeLessThanOrEqual(one.collectedAt)
              const scrape = scrapes.find(scrape => at(scrape.time) === when)
              expect(scrape?.values.get(name!)).toBe(Number(value))
            }
          }
        }
      }),
      { numRuns: RUNS },
    )
  })

  test('without delays beyond the timeout every snapshot is whole', () => {
    fc.assert(
      fc.property(agentPlans(9), given => {
        const plan = { ...given, held: { ...given.held, seconds: 0 } }
        const log = agentLog(plan)
        const made = mirror(log)
        for (const [target, scrapes] of log.scrapes) {
          for (const one of ofTarget(made, target)) {
            if (one.kind !== 'snapshot') continue
            expect(one.assembly).toBe('count')
            const scrape = scrapes.find(({ time }) => at(time) === one.collectedAt)!
            const lines = linesOf(one)
            const own = lines.filter(line => !line.includes('@'))
            expect(own.sort()).toEqual([...scrape.values].map(([n, v]) => `${n} ${v}`).sort())
            // Only a series whose marker is on its way is left from the scrape before.
            for (const line of lines.filter(line => line.includes('@')))
              expect(scrape.stale).toContain(line.split(' ')[0])
          }
        }
      }),
      { numRuns: RUNS },
    )
  })

  test('a series that is in two scrapes in a row never leaves in between', () => {
    fc.assert(
      fc.property(agentPlans(9), plan => {
        const log = agentLog(plan)
        const made = mirror(log)
        for (const [target, scrapes] of log.scrapes) {
          const snapshots = new Map(ofTarget(made, target).map(one => [one.collectedAt, one]))
          for (let i = 1; i < scrapes.length; i++) {
            const before = snapshots.get(at(scrapes[i - 1]!.time))
            const after = snapshots.get(at(scrapes[i]!.time))
            if (before?.kind !== 'snapshot' || after?.kind !== 'snapshot') continue
            const names = new Set(linesOf(after).map(line => line.split(' ')[0]))
            for (const line of linesOf(before)) {
              const name = line.split(' ')[0]!
              if (scrapes[i]!.values.has(name)) expect(names).toContain(name)
            }
          }
        }
      }),
      { numRuns: RUNS },
    )
  })
})

describe('the same log gives the same snapshots', () => {
  test('however log time is carried on between its records', () => {
    fc.assert(
      fc.property(agentPlans(12), fc.double({ min: 0, max: 1, noNaN: true }), (plan, carried) => {
        const log = agentLog(plan)
        expect(mirror(log, { carried }).map(madeText)).toEqual(mirror(log).map(madeText))
      }),
      { numRuns: RUNS },
    )
  })

  test('from any offset on to an owner that reads enough before it', () => {
    const options = { ...OPTIONS, lookbackMs: 90_000 }
    fc.assert(
      fc.property(agentPlans(9), fc.double({ min: 0, max: 0.999, noNaN: true }), (plan, share) => {
        const log = agentLog(plan)
        const { records } = log
        const cut = Math.floor(share * records.length)
        const since = records[cut]!.time - stateMs(options) / 1000
        const from = records.findIndex(({ time }) => time >= since)
        const published = (made: TargetMade[]) =>
          made
            .filter(({ made }) => made.origin.offset >= cut)
            .map(one => `${one.target.key} ${madeText(one)}`)
        expect(published(mirror(log, { from, options }))).toEqual(
          published(mirror(log, { options })),
        )
      }),
      { numRuns: RUNS },
    )
  })

  test('targets without up too, if they send within half of the lookback', () => {
    const options = { ...OPTIONS, lookbackMs: 90_000 }
    const sent = fc.record({
      gap: fc.integer({ min: 1, max: 40 }),
      value: fc.constantFrom(1, 2, 'stale' as const),
    })
    fc.assert(
      fc.property(
        fc.array(sent, { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (list, share) => {
          let time = 0
          const target = 'job="a"'
          const records = list.map(({ gap, value }) => {
            time += gap
            const labels = { __name__: 'x', job: 'a' }
            return { time, target, series: [{ labels, samples: [{ time: at(time), value }] }] }
          })
          const log = { scrapes: new Map(), records }
          const cut = Math.floor(share * records.length)
          const since = records[cut]!.time - stateMs(options) / 1000
          const from = records.findIndex(({ time }) => time >= since)
          const published = (made: TargetMade[]) =>
            made.filter(({ made }) => made.origin.offset > cut).map(madeText)
          expect(published(mirror(log, { from, options }))).toEqual(
            published(mirror(log, { options })),
          )
        },
      ),
      { numRuns: RUNS },
    )
  })

  test('nothing that is not made is before its origin', () => {
    fc.assert(
      fc.property(agentPlans(12), plan => {
        const { records } = agentLog(plan)
        const machine = partition()
        const made: { readonly origin: number; readonly at: number }[] = []
        const committed: number[] = []
        records.forEach(({ time, target, series }, offset) => {
          const request = writeRequest(series)
          const key = keyOf(target)
          for (const one of collect(machine.apply({ offset, time: at(time), key, request })))
            made.push({ origin: one.made.origin.offset, at: offset })
          committed.push(machine.origin.offset)
        })
        // Whoever commits the origin after a record makes again what was not made then.
        for (const { origin, at } of made)
          for (let i = origin; i < at; i++) expect(committed[i]).toBeLessThanOrEqual(origin)
      }),
      { numRuns: RUNS },
    )
  })
})
