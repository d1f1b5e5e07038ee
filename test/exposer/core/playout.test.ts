import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseDelay } from '../../../exposer/core/playout/choose.js'
import { phaseDifference, phaseOf, ScrapePhases } from '../../../exposer/core/playout/phases.js'
import { Playout } from '../../../exposer/core/playout/playout.js'
import { WindowMax } from '../../../exposer/core/playout/window-max.js'
import { type Distribution, simulate } from '../../support/playout-simulation.js'

describe('the maximum of the last ten minutes', () => {
  test('equals the maximum of a list of all values, to within a minute', () => {
    const step = fc.record({ value: fc.integer(), after: fc.integer({ min: 0, max: 400_000 }) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), steps => {
        const window = new WindowMax()
        const all: { value: number; at: number }[] = []
        let now = 0
        for (const { value, after } of steps) {
          now += after
          window.add(value, now)
          all.push({ value, at: now })
          const since = (ms: number) =>
            Math.max(
              Number.NEGATIVE_INFINITY,
              ...all.filter(one => one.at > now - ms).map(one => one.value),
            )
          const max = window.max(now)
          expect(max).toBeGreaterThanOrEqual(since(540_000))
          expect(max).toBeLessThanOrEqual(since(600_000))
        }
        expect(window.max(now + 600_000)).toBe(Number.NEGATIVE_INFINITY)
      }),
    )
  })
})

describe('phases', () => {
  test('a difference is the shorter way round', () => {
    expect(phaseDifference(900, 100, 1000)).toBe(200)
    expect(phaseDifference(100, 900, 1000)).toBe(-200)
    expect(phaseOf(-1, 1000)).toBe(999)
  })

  test('a regular scraper is recognised by its second scrape, and a single request is ignored', () => {
    const phases = new ScrapePhases()
    for (let i = 0; i < 3; i++) {
      phases.add(10_000 + i * 1000 + i)
      phases.add(10_400 + i * 1000)
    }
    phases.add(12_777)
    const steady = phases.steady(12_800, 1000, 60)
    expect(steady).toHaveLength(2)
    expect(steady).toEqual(expect.arrayContaining([2, 400]))
  })

  test('a scraper that went away is forgotten', () => {
    const phases = new ScrapePhases()
    phases.add(10_000)
    phases.add(11_000)
    expect(phases.steady(12_000, 1000, 60)).toEqual([0])
    expect(phases.steady(18_000, 1000, 60)).toEqual([])
  })
})

describe('the choice of a delay', () => {
  const interval = fc.constantFrom(1000, 5000, 15_000)
  const choice = interval.chain(intervalMs =>
    fc.record({
      intervalMs: fc.constant(intervalMs),
      current: fc.oneof(fc.constant(Number.NaN), fc.double({ min: 0, max: 40_000, noNaN: true })),
      least: fc.double({ min: 0, max: 20_000, noNaN: true }),
      most: fc.constant(45_000),
      boundaries: fc.array(fc.double({ min: 0, max: intervalMs - 1, noNaN: true }), {
        maxLength: 2,
      }),
    }),
  )
  const clearance = (delay: number, boundary: number, intervalMs: number) =>
    Math.abs(phaseDifference(boundary, delay, intervalMs))

  test('covers the propagation delay, is not much longer, and keeps clear of one or two scrapers', () => {
    fc.assert(
      fc.property(choice, one => {
        const delay = chooseDelay(one)
        expect(delay).toBeGreaterThanOrEqual(one.least)
        expect(delay).toBeLessThanOrEqual(Math.max(one.least + one.intervalMs, 2 * one.least))
        for (const boundary of one.boundaries) {
          expect(clearance(delay, boundary, one.intervalMs)).toBeGreaterThan(
            one.intervalMs / 32 - 1e-3,
          )
        }
      }),
    )
  })

  test('does not change while it is long enough and clear of scrapes', () => {
    fc.assert(
      fc.property(choice, one => {
        const delay = chooseDelay(one)
        expect(chooseDelay({ ...one, current: delay })).toBe(delay)
      }),
    )
  })

  test('never exceeds the maximum, whatever the propagation delay is', () => {
    fc.assert(
      fc.property(choice, one => {
        expect(chooseDelay({ ...one, most: 3000 })).toBeLessThanOrEqual(3000)
      }),
    )
  })

  test('moves away from the time of a scrape without crossing it', () => {
    // Snapshots become due 20 ms before the scrape; a little less of D and they would be due long
    // before.
    const delay = chooseDelay({
      current: 3980,
      least: 3100,
      most: 30_000,
      intervalMs: 1000,
      boundaries: [0],
    })
    expect(delay).toBeLessThan(3980)
    expect(delay).toBeGreaterThan(3100)
  })
})

describe('a target', () => {
  const now = (ms: number) => ({ wall: ms, mono: ms })

  test('with a constant clock error is exposed at the same times as without', () => {
    const right = new Playout({ fixedMs: null, maxMs: 30_000 })
    const ahead = new Playout({ fixedMs: null, maxMs: 30_000 })
    for (let t = 0; t < 60_000; t += 1000) {
      right.arrived(t, t + 200, 1000, now(t + 200))
      ahead.arrived(t + 4000, t + 200, 1000, now(t + 200))
    }
    expect(right.delay).toBeGreaterThanOrEqual(200)
    expect(right.delay).toBeLessThan(1200)
    // Its snapshots seem to be collected in the future, so that D is 0.
    expect(ahead.delay).toBeLessThanOrEqual(1000)
  })

  test('with a fixed delay keeps it, and late snapshots are counted', () => {
    const playout = new Playout({ fixedMs: 500, maxMs: 30_000 })
    expect(playout.arrived(0, 400, 1000, now(400))).toBe(false)
    expect(playout.arrived(1000, 1600, 1000, now(1600))).toBe(true)
    expect([playout.delay, playout.late]).toEqual([500, 1])
    expect(playout.reason(now(1600))).toContain('fixed')
  })

  test('reports the reason of its delay', () => {
    const playout = new Playout({ fixedMs: null, maxMs: 2000 })
    expect(playout.reason(now(0))).toContain('no snapshot in the last 10 minutes')
    playout.arrived(0, 700, 1000, now(700))
    expect(playout.reason(now(700))).toBe(
      'longest propagation delay of the last 10 minutes: 0.70 s; 0.25 s longer than required, to avoid scrape times and changes',
    )
    playout.arrived(500, 1500, 1000, now(1500))
    expect(playout.delay).toBe(1050)
    expect(playout.reason(now(1500))).toBe(
      'longest propagation delay of the last 10 minutes: 1.00 s',
    )
    playout.arrived(1000, 9000, 1000, now(9000))
    expect(playout.delay).toBe(1050)
    expect(playout.reason(now(9000))).toBe(
      'longest propagation delay of the last 10 minutes: 8.00 s, above the maximum of 2 s',
    )
  })

  test('does not count the delay of an outage once its publisher has superseded snapshots', () => {
    const playout = new Playout({ fixedMs: null, maxMs: 30_000 })
    let t = 0
    for (; t < 60_000; t += 1000) playout.arrived(t, t + 100, 1000, now(t + 100))
    const before = playout.delay
    // In flight when the broker stood still for eight seconds.
    playout.arrived(t, t + 8000, 1000, now(t + 8000))
    expect(playout.delay).toBeGreaterThan(8000)
    playout.arrived(t + 7900, t + 8100, 1000, now(t + 8100), true)
    expect(playout.delay).toBeLessThanOrEqual(before)
    expect(playout.reason(now(t + 8100))).toContain('minutes: 0.20 s')
  })

  test('counts any delay as jitter while its publisher supersedes nothing', () => {
    const playout = new Playout({ fixedMs: null, maxMs: 30_000 })
    for (let t = 0; t < 60_000; t += 1000) {
      playout.arrived(t, t + (t === 30_000 ? 8000 : 100), 1000, now(t + 8000))
    }
    expect(playout.delay).toBeGreaterThan(8000)
  })
})

describe('once the delay has settled, every snapshot is played exactly once to each of two steady scrapers', () => {
  const distributions: [string, Distribution][] = [
    ['fixed 2.5 s', () => 2500],
    ['uniform 0–3 s', random => random() * 3000],
    ['uniform 0–12 s', random => random() * 12_000],
    ['heavy-tailed up to 3 s', random => Math.min(3000, 40 / (1 - random()) ** 1.2)],
    ['heavy-tailed up to 12 s', random => Math.min(12_000, 100 / (1 - random()) ** 1.2)],
  ]
  const cells = distributions.flatMap(([name, delay]) =>
    [1000, 5000, 15_000].map(intervalMs => [name, intervalMs, delay] as const),
  )
  test.each(cells)('%s, every %i ms', (name, intervalMs, delay) => {
    for (let seed = 1; seed <= 5; seed++) {
      const { replicas } = simulate({
        intervalMs,
        delay,
        seed,
        settleMs: 1_200_000,
        measureMs: 1_800_000,
      })
      for (const { repeated, skipped, scrapes } of replicas) {
        expect(scrapes).toBeGreaterThan(100)
        // A long-tailed delay may reach its maximum only now, up to three intervals: D changes once
        // by that.
        expect(repeated + skipped).toBeLessThanOrEqual(name.startsWith('heavy') ? 3 : 0)
      }
    }
  })
})
