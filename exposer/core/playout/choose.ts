import { phaseOf } from './phases.js'

export interface Choice {
  /** Current D, ms; NaN before the first choice. */
  readonly current: number
  /** The delay that covers the propagation delay, ms. */
  readonly least: number
  /** Maximum of D, ms. */
  readonly most: number
  readonly intervalMs: number
  /**
   * For each scraper, the delay modulo the interval at which snapshots become due when it scrapes,
   * ms.
   */
  readonly boundaries: readonly number[]
  /** Least distance of D from each boundary, ms. */
  readonly guard: number
  /**
   * For scrapes with playout times: D is a multiple of this where there is room, ms; 0 otherwise. D
   * is then placed high in its cell, so that the time of a sample is shortly before the scrape.
   */
  readonly step?: number
}

export interface Chosen {
  /** D, ms. */
  readonly delay: number
  /** A shorter D in a lower cell: scrapers would see newer snapshots. Null if there is none. */
  readonly lower: number | null
}

/** Delays between two boundaries. All of them show a scraper the same snapshots. */
interface Cell {
  readonly from: number
  readonly to: number
}

interface Range {
  readonly least: number
  readonly most: number
  readonly guard: number
  readonly step: number
}

/** Distances of D from the boundaries of a cell, as multiples of the guard; the first with room. */
const ROOM = [4, 2, 1]
/** A cell is entered only if it has room for this multiple of the guard, which varies. */
const ROOM_TO_ENTER = 2
/** D stays in a cell without room for the guard down to this multiple of it. */
const ROOM_TO_STAY = 1 / 2
/** With steps, D stays in its cell down to this multiple of the guard below its end. */
const HIGH_ENOUGH = 2 * ROOM[0]!
/** A lower cell is entered only if it covers the propagation delay with this factor. */
const LEAST_TO_ENTER = 1.1
/** Without regular scrapers D is kept up to this multiple of the least delay, plus a constant. */
const KEPT = { share: 1.25, plusMs: 50 }

/**
 * Chooses D, ms. It covers the propagation delay, and no snapshot becomes due at the time of a
 * scrape: timer noise would decide whether that scrape repeats or skips a snapshot.
 *
 * The age of what a scraper sees depends only on the cell of D. At first it is the lowest cell with
 * room for the guard. D changes only if it comes too close to a boundary or no longer covers the
 * propagation delay; whether it enters a lower cell is up to the caller, because that skips a
 * snapshot.
 */
export function chooseDelay(choice: Choice): Chosen {
  const { current, most, boundaries, guard, step = 0 } = choice
  const least = Math.min(step ? roundUp(choice.least, step) : choice.least, most)
  if (boundaries.length === 0) {
    const kept = current >= least && current <= Math.min(most, least * KEPT.share + KEPT.plusMs)
    return { delay: kept ? current : least, lower: null }
  }
  const range = { least, most, guard, step }
  const cells = cellsFrom(choice, least)
  const own = cells.findIndex(({ from, to }) => from < current && current < to)
  if (own < 0 || current < least || current > most)
    return { delay: lowestIn(cells, range), lower: null }
  const cautious = { ...range, least: Math.min(most, least * LEAST_TO_ENTER) }
  const lower = cells.slice(0, own).find(cell => delayIn(cell, cautious, ROOM_TO_ENTER) !== null)
  return {
    // Without room in its cell: with playout times, a longer D skips no snapshot.
    delay:
      stayedIn(cells[own]!, current, range) ?? lowestIn(step ? cells.slice(own) : cells, range),
    lower: lower ? bestIn(lower, range) : null,
  }
}

/** D without a change of the cell; null if it must be left. */
function stayedIn(cell: Cell, current: number, range: Range): number | null {
  const isHighEnough = !range.step || cell.to - current <= HIGH_ENOUGH * range.guard
  if (isHighEnough && isClear(current, cell, range.guard)) return current
  const moved = bestIn(cell, range)
  if (moved !== null) return moved
  return isClear(current, cell, range.guard * ROOM_TO_STAY) ? current : null
}

/** The best delay of the lowest cell with room. */
function lowestIn(cells: readonly Cell[], range: Range): number {
  const roomy = cells.find(cell => delayIn(cell, range, ROOM_TO_ENTER) !== null)
  if (roomy) return bestIn(roomy, range)!
  for (const cell of cells) {
    const delay = bestIn(cell, range)
    if (delay !== null) return delay
  }
  return mostDistant(cells, range)
}

/** The cells from that of `least` to two intervals above it and above D, ascending. */
function cellsFrom({ boundaries, intervalMs, current }: Choice, least: number): Cell[] {
  const end = Math.max(least, Number.isNaN(current) ? 0 : current) + 2 * intervalMs
  const all: number[] = []
  for (const boundary of boundaries) {
    const lowest = least - intervalMs + phaseOf(boundary - least, intervalMs)
    for (let at = lowest; at <= end; at += intervalMs) all.push(at)
  }
  all.sort((a, b) => a - b)
  const cells: Cell[] = []
  for (let i = 1; i < all.length; i++) {
    if (all[i]! >= least) cells.push({ from: all[i - 1]!, to: all[i]! })
  }
  return cells
}

/**
 * The smallest delay of a cell with a multiple of the guard at both ends, with steps the largest;
 * null without room.
 */
function delayIn({ from, to }: Cell, range: Range, guards: number): number | null {
  const distance = range.guard * guards
  const low = Math.max(range.least, from + distance)
  const high = Math.min(range.most, to - distance)
  if (low > high) return null
  if (!range.step) return low
  const multiple = Math.floor(high / range.step) * range.step
  return multiple < low ? high : multiple
}

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step

/** The delay with the most room; with steps, a multiple of the step before any other. */
function bestIn(cell: Cell, range: Range): number | null {
  let best: number | null = null
  for (const multiple of ROOM) {
    const delay = delayIn(cell, range, multiple)
    if (delay === null) continue
    if (!range.step || delay % range.step === 0) return delay
    best ??= delay
  }
  return best
}

/** The tolerance covers rounding errors: a chosen delay is at its distance exactly. */
const isClear = (delay: number, { from, to }: Cell, distance: number) =>
  Math.min(delay - from, to - delay) >= distance - 1e-6

/** The delay farthest from boundaries, for scrapers that leave no cell with room. */
function mostDistant(cells: readonly Cell[], { least, most }: Range): number {
  let best = least
  let distance = -1
  for (const { from, to } of cells) {
    const delay = Math.min(most, Math.max(least, (from + to) / 2))
    const here = Math.min(delay - from, to - delay)
    if (here > distance + 1e-6) {
      best = delay
      distance = here
    }
  }
  return best
}
