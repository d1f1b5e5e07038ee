import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Choice, chooseDelay } from '../../../exposer/core/playout/choose.js'
import {
  PhaseEstimate,
  phaseDifference,
  phaseOf,
  ScrapePhases,
} from '../../../exposer/core/playout/phases.js'
import { Playout } from '../../../exposer/core/playout/playout.js'
import { WindowMax } from '../../../exposer/core/playout/window-max.js'
import {
  type Distribution,
  mean,
  quantile,
  type Scraper,
  type Simulation,
  simulate,
  usualJitter,
} from '../../support/playout-simulation.js'

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

  const add = (phases: ScrapePhases, ...times: number[]) => {
    for (const time of times) phases.add(time, 1000, 60)
  }
  const steady = (phases: ScrapePhases, now: number) =>
    phases.steady(now, 1000).map(({ phase }) => Math.round(phase))

  test('a regular scraper is recognised by its second scrape, and a single request is ignored', () => {
    const phases = new ScrapePhases()
    add(phases, 10_000, 10_400)
    expect(steady(phases, 10_400)).toEqual([])
    add(phases, 11_000, 11_400, 12_000, 12_400, 12_777)
    expect(steady(phases, 12_800)).toEqual([0, 400])
  })

  test('single requests at any time crowd out no regular scraper', () => {
    const phases = new ScrapePhases()
    for (let i = 0; i < 20; i++) {
      add(phases, 10_000 + 1000 * i, 10_400 + 1000 * i)
      add(phases, 10_450 + 1000 * i + ((i * 173) % 500))
    }
    expect(steady(phases, 29_500)).toEqual(expect.arrayContaining([0, 400]))
  })

  test('a scraper that went away is forgotten, and so is one that changed its phase', () => {
    const phases = new ScrapePhases()
    add(phases, 10_000, 11_000, 12_300, 13_300)
    expect(steady(phases, 13_300)).toEqual([0, 300])
    expect(steady(phases, 18_000)).toEqual([300])
    expect(steady(phases, 20_000)).toEqual([])
  })

  test('an estimate follows the phase and tells how much it varies', () => {
    const estimate = new PhaseEstimate(10_000, 1000)
    for (let i = 1; i <= 100; i++) estimate.add(10_000 + 1000 * i + (i % 2 ? 20 : -20), 1000)
    expect(Math.abs(phaseDifference(0, estimate.phase, 1000))).toBeLessThan(5)
    expect(estimate.deviation).toBeGreaterThan(15)
    expect(estimate.deviation).toBeLessThan(25)
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
        maxLength: 4,
      }),
      guard: fc.double({ min: 10, max: intervalMs / 9, noNaN: true }),
    }),
  )
  const clearance = (delay: number, boundary: number, intervalMs: number) =>
    Math.abs(phaseDifference(boundary, delay, intervalMs))
  /** As a caller that enters lower cells at once. */
  const settled = (one: Choice) => {
    const { delay, lower } = chooseDelay(one)
    return lower ?? delay
  }

  test('covers the propagation delay, is at most an interval and the guards longer, and keeps clear of scrapers', () => {
    fc.assert(
      fc.property(choice, one => {
        const { delay } = chooseDelay({ ...one, current: Number.NaN })
        expect(delay).toBeGreaterThanOrEqual(one.least)
        expect(delay).toBeLessThanOrEqual(one.least + one.intervalMs + 4 * one.guard)
        for (const boundary of one.boundaries)
          expect(clearance(delay, boundary, one.intervalMs)).toBeGreaterThan(one.guard - 1e-3)
      }),
    )
  })

  test('shows a scraper nothing older than the guard requires: its age is less than an interval more', () => {
    fc.assert(
      fc.property(choice, one => {
        const [boundary] = one.boundaries
        if (boundary === undefined) return
        const alone = { ...one, boundaries: [boundary], current: Number.NaN }
        const { delay } = chooseDelay(alone)
        const age = delay + phaseOf(boundary - delay, one.intervalMs)
        expect(age - one.least).toBeLessThanOrEqual(one.intervalMs + 2 * one.guard + 1e-3)
      }),
    )
  })

  test('does not change while it is long enough and clear of scrapes', () => {
    fc.assert(
      fc.property(choice, one => {
        const delay = settled(one)
        expect(chooseDelay({ ...one, current: delay }).delay).toBe(delay)
      }),
    )
  })

  test('changes across a scrape phase only to cover the propagation delay or to leave its guard', () => {
    fc.assert(
      fc.property(choice, one => {
        const { delay } = chooseDelay(one)
        const crossed = one.boundaries.some(boundary => {
          const [low, high] = delay < one.current ? [delay, one.current] : [one.current, delay]
          return low + phaseOf(boundary - low, one.intervalMs) <= high
        })
        const close = one.boundaries.some(
          boundary => clearance(one.current, boundary, one.intervalMs) < one.guard,
        )
        if (crossed) expect(one.current < one.least || one.current > one.most || close).toBe(true)
      }),
    )
  })

  test('never exceeds the maximum, whatever the propagation delay is', () => {
    fc.assert(
      fc.property(choice, one => {
        const { delay, lower } = chooseDelay({ ...one, most: 3000 })
        expect(Math.max(delay, lower ?? 0)).toBeLessThanOrEqual(3000)
      }),
    )
  })

  test('moves away from the time of a scrape without crossing it', () => {
    // Snapshots become due 20 ms before the scrape; a little less of D and they would be due long
    // before.
    const { delay } = chooseDelay({
      current: 3980,
      least: 3100,
      most: 30_000,
      intervalMs: 1000,
      boundaries: [0],
      guard: 50,
    })
    expect(delay).toBeLessThan(3950)
    expect(delay).toBeGreaterThan(3100)
  })

  test('with more scrapers than cells with room is as far from them as possible', () => {
    const { delay } = chooseDelay({
      current: Number.NaN,
      least: 50,
      most: 30_000,
      intervalMs: 1000,
      boundaries: [0, 100, 200, 450, 700, 900],
      guard: 200,
    })
    expect(delay).toBe(325)
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
      'longest propagation delay of the last 10 minutes: 0.70 s',
    )
    // Snapshots become due 10 ms after a scrape.
    for (const scrape of [1740, 2740]) playout.scraped(now(scrape))
    expect(playout.reason(now(2740))).toBe(
      'longest propagation delay of the last 10 minutes: 0.70 s; 0.19 s longer than required, to avoid scrape times and changes',
    )
    // Without regular scrapers D is what the propagation delay requires.
    playout.arrived(9000, 10_000, 1000, now(10_000))
    expect(playout.delay).toBe(1050)
    expect(playout.reason(now(10_000))).toBe(
      'longest propagation delay of the last 10 minutes: 1.00 s',
    )
    playout.arrived(10_000, 18_000, 1000, now(18_000))
    expect(playout.delay).toBe(1050)
    expect(playout.reason(now(18_000))).toBe(
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
    expect(before).toBe(150)
    expect(playout.delay).toBe(250)
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
        // by that. At 1 s two scrapers may leave so little room that jitter makes D change.
        const most = name.startsWith('heavy') ? 3 : intervalMs === 1000 ? 1 : 0
        expect(repeated + skipped).toBeLessThanOrEqual(most)
      }
    }
  })
})

/** The same simulation with many seeds: what all replicas saw. */
function repeated(simulation: Partial<Simulation>, seeds = 20) {
  const seen = {
    ages: [] as number[],
    rateErrors: [] as number[],
    repeated: 0,
    skipped: 0,
    older: 0,
  }
  for (let seed = 1; seed <= seeds; seed++) {
    const { replicas } = simulate({
      intervalMs: 5000,
      delay: () => 10,
      seed,
      settleMs: 1_200_000,
      measureMs: 900_000,
      scrapers: [{}],
      ...simulation,
    })
    for (const replica of replicas) {
      seen.ages.push(...replica.ages)
      seen.rateErrors.push(...replica.rateErrors)
      seen.repeated += replica.repeated
      seen.skipped += replica.skipped
      seen.older += replica.older
    }
  }
  return seen
}

describe('the age of what a scrape sees', () => {
  /** A phase in each twentieth of the interval, so that the mean over all phases is known. */
  const ages = (replicas: number) => {
    const all: number[] = []
    for (let i = 0; i < 20; i++) {
      const scrapers = Array.from({ length: replicas }, (_, n) => ({
        phase: () => (i + 0.5) * 250 + n * 1700,
      }))
      all.push(...repeated({ scrapers }, 3).ages)
    }
    return all
  }

  test.each([
    [1, 0.3],
    [2, 0.3],
  ])('is half an interval and less than %i replica(s) need for their guards', (replicas, more) => {
    const seen = ages(replicas)
    expect(mean(seen)).toBeLessThanOrEqual(2500 + 1000 * more)
    expect(quantile(seen, 0.99)).toBeLessThanOrEqual(5300)
  })

  test('rate() errs no more than the jitter of the timers makes it', () => {
    expect(quantile(repeated({}).rateErrors, 0.99)).toBeLessThan(0.0015)
    const delay: Distribution = random => random() * 12_000
    expect(quantile(repeated({ delay }).rateErrors, 0.99)).toBeLessThan(0.0015)
  })
})

describe('no scrape sees an older snapshot than the scrape before, and few are repeated or skipped', () => {
  const changed = 1_500_000
  const from = (at: number, before: Distribution, after: Distribution) => (time: number) =>
    time < at ? before : after
  const cases: [string, Partial<Simulation>, number][] = [
    ['jitter that grows', { jitter: from(changed, usualJitter, random => random() * 400) }, 10],
    ['a scraper that changes its phase', { scrapers: [phaseChange()] }, 20],
    [
      'a second scraper that joins',
      { scrapers: [{ phase: () => 1000 }, { phase: () => 1200, joinsAt: changed }] },
      0,
    ],
    ['a burst of delays', { delay: burst() }, 20],
    ['four scrapers', { scrapers: [{}, {}, {}, {}] }, 0],
  ]

  function phaseChange(): Scraper {
    return { phase: at => (at < changed ? 1000 : 3300) }
  }
  function burst(): Distribution {
    let snapshots = 0
    return () => (++snapshots > 300 && snapshots < 310 ? 4000 : 10)
  }

  // 20 seeds of 180 scrapes each.
  test.each(cases)('%s', (_, simulation, most) => {
    const { older, repeated: again, skipped } = repeated(simulation)
    expect(older).toBe(0)
    expect(again + skipped).toBeLessThanOrEqual(most)
  })

  test.each([1000, 2500, 7000, 15_000])('a scraper with an interval of %i ms', intervalMs => {
    const { older, ages } = repeated({ scrapers: [{ intervalMs }] })
    expect(older).toBe(0)
    expect(mean(ages)).toBeLessThan(3200)
  })
})
