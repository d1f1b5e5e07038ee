import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LayoutBudget } from '../../../exposer/core/layout-budget.js'
import { PUBLISHED_DICTIONARY } from '../../../shared/snapshot/dictionary/dictionaries.js'
import { recordOf } from '../../support/layout-record.js'
import { simpleLayout } from '../../support/layouts.js'
import { FakeShard } from '../../support/shard.js'

const SECOND = 1000
const DICTIONARY_ID = Buffer.alloc(4)
DICTIONARY_ID.writeUInt32BE(PUBLISHED_DICTIONARY.id)
const allowance = { perSecond: 10, burst: 100 }

/** A shard that counts the steps of reading layouts by job. */
function setting() {
  const shard = new FakeShard(undefined, {
    targetLayouts: allowance,
    strangerLayouts: { perSecond: 20, burst: 200 },
  })
  let sequence = 0
  const steps = new Map<string, number>()
  const publish = (job: string, layout = simpleLayout(1), mutate = (_: Buffer) => {}) => {
    const record = recordOf(layout, { job, sequence: sequence++, collectedAt: shard.wall })
    mutate(record.value!)
    const unread = shard.shard.tryApply(0, record, shard.now)
    if (!unread) return
    const work = shard.shard.read(unread)
    let step = work.next()
    while (!step.done) step = work.next(step.value?.run())
    steps.set(job, (steps.get(job) ?? 0) + step.value.steps)
    shard.shard.tryApply(0, record, shard.now, step.value)
  }
  const stateOf = (job: string) => {
    const target = shard.shard.find(`job\0${job}\0`)
    return target ? shard.shard.judge(target, shard.now).state : undefined
  }
  return { shard, publish, steps, stateOf }
}

describe('the budget of new layouts', () => {
  test('in the long run no more is spent than the allowance, and the last layout', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ ms: fc.nat(3000), cost: fc.integer({ min: 1, max: 300 }) })),
        events => {
          const budget = new LayoutBudget(allowance)
          let time = 0
          let spent = 0
          for (const { ms, cost } of events) {
            time += ms
            if (!budget.allows(time)) continue
            budget.spend(cost, time)
            spent += cost
            expect(spent - cost).toBeLessThan(
              allowance.burst + (time / SECOND) * allowance.perSecond + 1e-6,
            )
          }
        },
      ),
    )
  })

  test('log time that goes back gives nothing', () => {
    const budget = new LayoutBudget(allowance)
    budget.spend(200, 50_000)
    for (let i = 0; i < 100; i++) budget.allows(i % 2 === 0 ? 0 : 50_000)
    expect(budget.allows(50_000)).toBe(false)
    expect(budget.allows(50_000 + 11 * SECOND)).toBe(true)
  })

  test('a layout that changes with every record is refused beyond it, and the target says so', () => {
    const { shard, publish, steps, stateOf } = setting()
    for (let i = 0; i < 400; i++) {
      shard.pass(SECOND / 4)
      publish('bad', simpleLayout(2000, `x${i}`))
      publish('good')
    }
    const spent = steps.get('bad')!
    expect(spent).toBeGreaterThan(1000)
    expect(spent).toBeLessThan(allowance.burst + 100 * allowance.perSecond + 100)
    expect(shard.refusals.length).toBeGreaterThan(100)
    expect(new Set(shard.refusals)).toEqual(new Set(['limit']))
    expect(stateOf('good')).toBe('up')
    publish('bad', simpleLayout(2000, 'y'))
    publish('bad', simpleLayout(2000, 'z'))
    expect(stateOf('bad')).toBe('over_limit')
    const target = shard.shard.find('job\0bad\0')!
    expect(shard.shard.judge(target, shard.now).reason).toContain('keep names and labels the same')
  })

  test('a layout that is known is never refused by it, nor is one after a pause', () => {
    const { shard, publish, stateOf } = setting()
    for (let i = 0; i < 50; i++) {
      shard.pass(10)
      publish('bad', simpleLayout(2000, `x${i}`))
    }
    const { length } = shard.refusals
    expect(length).toBeGreaterThan(10)
    shard.pass(10)
    publish('other', simpleLayout(2000, 'new'))
    shard.pass(10)
    publish('bad', simpleLayout(2000, 'new'))
    expect([stateOf('bad'), shard.refusals.length]).toEqual(['up', length])
    shard.pass(20 * SECOND)
    publish('bad', simpleLayout(2000, 'newer'))
    expect([stateOf('bad'), shard.refusals.length]).toEqual(['up', length])
  })

  test('refused layouts of ever new targets share one budget, which known targets do not need', () => {
    const { shard, publish, steps, stateOf } = setting()
    publish('good')
    // A byte of the dictionary's id, which costs nothing to refuse, or of what has to be inflated.
    const spoil = (at: number) => (value: Buffer) => {
      value[value.indexOf(DICTIONARY_ID) + at] ^= 1
    }
    for (let i = 0; i < 500; i++) {
      shard.pass(100)
      publish(`stranger-${i}`, simpleLayout(1000, `x${i}`), spoil(i % 2 === 0 ? 3 : 30))
    }
    const spent = [...steps].reduce((sum, [job, count]) => sum + (job === 'good' ? 0 : count), 0)
    expect(spent).toBeLessThan(200 + 50 * 20 + 100)
    expect(shard.refusals).toHaveLength(500)
    expect(shard.shard.targetCount).toBeLessThan(500)
    publish('good', simpleLayout(5))
    expect(stateOf('good')).toBe('up')
  })
})
