import { playedAt, timedAt } from '../../exposer/core/playout/held.js'
import { Playout } from '../../exposer/core/playout/playout.js'
import type { Snapshot } from '../../exposer/core/store/snapshot.js'

/** Draws milliseconds: a propagation delay, or the jitter of a timer. */
export type Distribution = (random: () => number) => number

export interface Scraper {
  /** Default: the interval of the publisher. */
  readonly intervalMs?: number
  /** Phase by time, ms; a scraper that changes its phase has several. Default: a random one. */
  readonly phase?: (at: number) => number
  /** Default: 0. */
  readonly joinsAt?: number
}

export interface Simulation {
  readonly intervalMs: number
  readonly delay: Distribution
  readonly seed: number
  /** Time for D to settle, and time of the measurement after that, ms. */
  readonly settleMs: number
  readonly measureMs: number
  /** Default: two replicas at random phases. */
  readonly scrapers?: readonly Scraper[]
  /** Jitter of all timers by time, ms. Default: that of real machines. */
  readonly jitter?: (at: number) => Distribution
  /** Whether samples are scraped with playout times. */
  readonly timed?: boolean
}

export interface Replica {
  scrapes: number
  /** Scrapes that returned the same snapshot as the scrape before. */
  repeated: number
  /** Snapshots that no scrape returned. */
  skipped: number
  /** Scrapes that returned an older snapshot than the scrape before. */
  older: number
  /** Times of the scrapes, ms. */
  readonly times: number[]
  /** Age of the snapshot at each scrape, ms. */
  readonly ages: number[]
  /**
   * Relative errors of `rate()` over a minute, of a counter that grows steadily and was scraped by
   * this replica.
   */
  readonly rateErrors: number[]
  /** What this replica stored since the beginning, in order: times and values. */
  readonly stored: { readonly at: number; readonly value: number; readonly scrapedAt: number }[]
}

export interface Simulated {
  /** D at the end, ms. */
  readonly delay: number
  /** Changes of D during the measurement, with the time. */
  readonly changes: readonly { readonly at: number; readonly delay: number }[]
  readonly replicas: readonly Replica[]
}

/** Timer jitter of real machines: mostly a few milliseconds, sometimes tens of milliseconds. */
export const usualJitter: Distribution = random => Math.min(60, 2 / (1 - random()))

const RATE_WINDOW_MS = 60_000

/**
 * Simulates a publisher, a queue that keeps the order, and replicas that scrape at different
 * phases. All timers have jitter. Time is simulated.
 */
export function simulate(simulation: Simulation): Simulated {
  const { intervalMs, delay, seed, settleMs, measureMs } = simulation
  const { scrapers = [{}, {}], jitter = () => usualJitter, timed = false } = simulation
  const random = mulberry32(seed)
  const playout = new Playout({ fixedMs: null, maxMs: 30_000 })
  const end = settleMs + measureMs
  const events: { at: number; run: (now: { wall: number; mono: number }) => void }[] = []
  const held: Snapshot[] = []
  const changes: { at: number; delay: number }[] = []
  const published = random() * intervalMs
  let arrivedAt = 0
  for (let k = 0; k * intervalMs < end; k++) {
    const planned = published + k * intervalMs
    const collectedAt = Math.round(planned + jitter(planned)(random))
    // A log keeps the order: a snapshot does not overtake a slower one before it.
    arrivedAt = Math.max(arrivedAt, collectedAt + delay(random))
    const at = arrivedAt
    events.push({
      at,
      run(now) {
        playout.arrived(collectedAt, at, intervalMs, now)
        const { times } = playout
        const arrival = { collectedAt, arrivedAt: at, offset: k, intervalMs, end: false }
        const playoutAt = times.of(arrival, playout.delay, k === 0)
        if (k > 0) times.skip(held.at(-1)!, { ...arrival, playoutAt })
        held.push({ ...arrival, sequence: k, playoutAt } as Partial<Snapshot> as Snapshot)
        const index = timed ? timedAt(held, now.wall) : playedAt(held, now.wall, playout)
        held.splice(0, Math.max(0, index))
      },
    })
  }
  const replicas = scrapers.map(
    (): Replica => ({
      scrapes: 0,
      repeated: 0,
      skipped: 0,
      older: 0,
      times: [],
      ages: [],
      rateErrors: [],
      stored: [],
    }),
  )
  scrapers.forEach((scraper, i) => {
    const replica = replicas[i]!
    const every = scraper.intervalMs ?? intervalMs
    const fixed = random() * every
    const phase = scraper.phase ?? (() => fixed)
    const samples: { at: number; value: number }[] = []
    let last = -1
    for (let k = 2; k * every < end; k++) {
      const planned = phase(k * every) + k * every
      if (planned < (scraper.joinsAt ?? 0)) continue
      events.push({
        at: planned + jitter(planned)(random),
        run(now) {
          playout.scraped(now, timed ? now.wall : undefined)
          const { times } = playout
          const index = timed ? timedAt(held, now.wall) : playedAt(held, now.wall, playout)
          const played = held[index]
          if (played) {
            playout.shown = Math.max(playout.shown, played.offset)
            if (timed) times.expose(played, now.wall)
            const at = timed ? played.playoutAt : planned
            if (at !== replica.stored.at(-1)?.at)
              replica.stored.push({ at, value: played.collectedAt, scrapedAt: now.wall })
          }
          const sequence = played?.sequence ?? -1
          if (played && now.wall > settleMs && last >= 0) {
            replica.scrapes++
            if (sequence === last) replica.repeated++
            else if (sequence < last) replica.older++
            else replica.skipped += sequence - last - 1
            replica.times.push(now.wall)
            replica.ages.push(now.wall - played.collectedAt)
            // Prometheus stamps the sample with the planned time of the scrape.
            samples.push({ at: planned, value: played.collectedAt })
            const first = samples.find(sample => sample.at > planned - RATE_WINDOW_MS)!
            const passed = planned - first.at
            if (passed > RATE_WINDOW_MS / 2)
              replica.rateErrors.push(Math.abs((played.collectedAt - first.value) / passed - 1))
          }
          last = Math.max(last, sequence)
        },
      })
    }
  })
  events.sort((a, b) => a.at - b.at)
  for (const { at, run } of events) {
    const before = playout.delay
    run({ wall: at, mono: at })
    if (playout.delay !== before && at > settleMs) changes.push({ at, delay: playout.delay })
  }
  return { delay: playout.delay, changes, replicas }
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length

function mulberry32(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
