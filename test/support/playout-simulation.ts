import { playedAt } from '../../exposer/core/playout/held.js'
import { Playout } from '../../exposer/core/playout/playout.js'
import type { Snapshot } from '../../exposer/core/store/snapshot.js'

/** Draws a propagation delay, milliseconds. */
export type Distribution = (random: () => number) => number

export interface Simulation {
  readonly intervalMs: number
  readonly delay: Distribution
  readonly seed: number
  /** Time for D to settle, and time of the measurement after that. */
  readonly settleMs: number
  readonly measureMs: number
}

export interface Replica {
  scrapes: number
  /** Scrapes that returned the same snapshot as the scrape before. */
  repeated: number
  /** Snapshots that no scrape returned. */
  skipped: number
}

/** Timer jitter of real machines: mostly a few milliseconds, sometimes tens of milliseconds. */
const jitter = (random: () => number) => Math.min(60, 2 / (1 - random()))

/**
 * Simulates a publisher, a queue that keeps the order, and two replicas that scrape at different
 * phases. All timers have jitter. Time is simulated.
 */
export function simulate({ intervalMs, delay, seed, settleMs, measureMs }: Simulation): {
  readonly delay: number
  readonly replicas: readonly Replica[]
} {
  const random = mulberry32(seed)
  const playout = new Playout({ fixedMs: null, maxMs: 30_000 })
  const end = settleMs + measureMs
  const events: { at: number; run: (now: { wall: number; mono: number }) => void }[] = []
  const held: Snapshot[] = []
  const published = random() * intervalMs
  let arrivedAt = 0
  for (let k = 0; k * intervalMs < end; k++) {
    const collectedAt = Math.round(published + k * intervalMs + jitter(random))
    // A log keeps the order: a snapshot does not overtake a slower one before it.
    arrivedAt = Math.max(arrivedAt, collectedAt + delay(random))
    const at = arrivedAt
    events.push({
      at,
      run(now) {
        playout.arrived(collectedAt, at, intervalMs, now)
        held.push({ collectedAt, sequence: k } as Snapshot)
        held.splice(0, Math.max(0, playedAt(held, now.wall, playout.delay)))
      },
    })
  }
  const replicas = Array.from(
    { length: 2 },
    (): Replica => ({ scrapes: 0, repeated: 0, skipped: 0 }),
  )
  for (const replica of replicas) {
    const phase = random() * intervalMs
    let last = -1
    for (let k = 2; k * intervalMs < end; k++) {
      events.push({
        at: phase + k * intervalMs + jitter(random),
        run(now) {
          playout.scraped(now)
          const sequence = held[playedAt(held, now.wall, playout.delay)]?.sequence ?? -1
          if (now.wall > settleMs && last >= 0) {
            replica.scrapes++
            if (sequence === last) replica.repeated++
            else replica.skipped += sequence - last - 1
          }
          last = sequence
        },
      })
    }
  }
  events.sort((a, b) => a.at - b.at)
  for (const { at, run } of events) run({ wall: at, mono: at })
  return { delay: playout.delay, replicas }
}

function mulberry32(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
