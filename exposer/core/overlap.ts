import { isRelayed } from '../../shared/snapshot/relayed.js'
import type { ShardOptions } from './options.js'
import type { Partition } from './partition.js'
import type { Run } from './runs.js'
import { staleWindow } from './stale-window.js'
import type { Target } from './target.js'

/**
 * Hidden snapshots that make an overlap. One may be a record of a run that has just been replaced,
 * which was in flight.
 */
const OVERLAP = 2
/** Share of its interval after which the next snapshot of a run is late. */
const LATE = 1.5

/** Whether a run may publish further: it has not ended, and was heard within its window. */
export function isAlive(run: Run, { clock }: Partition, options: ShardOptions): boolean {
  const window = staleWindow(run.incarnation, run.intervalMs, options)
  return !run.ended && clock.since(run.heardAt, window) <= window
}

/**
 * Whether an older run is expected to publish within its interval. Its next snapshot is exposed,
 * now that the newer run is silent or has ended: until then the target is not down. That of a
 * relayed run may take many minutes: it is not awaited for longer than the newer run may be silent.
 */
export function hasStandby({ runs }: Target, { clock }: Partition, options: ShardOptions): boolean {
  const { all, current } = runs
  if (all.length < 2 || !current) return false
  const window = staleWindow(current.incarnation, current.intervalMs, options)
  return all.some(run => {
    if (isRelayed(run.incarnation) && run.intervalMs > window) return false
    if (run.incarnation >= current.incarnation || run.ended) return false
    if (run.sequence < 0 || run.refused > 0) return false
    const late = LATE * run.intervalMs
    return clock.since(run.heardAt, late) <= late
  })
}

/** Number of runs that publish at the same time: 1, or more if publishers share their labels. */
export function livingRuns(
  { runs }: Target,
  partition: Partition | undefined,
  options: ShardOptions,
): number {
  if (!partition || runs.all.length < 2) return 1
  const hidden = runs.all.filter(
    run => run !== runs.current && run.hidden >= OVERLAP && isAlive(run, partition, options),
  )
  return 1 + hidden.length
}

/** One line for people, or empty if there is no overlap. */
export function overlapWarning(living: number): string {
  return living < 2
    ? ''
    : `${living} runs publish with these labels, and only the newest is exposed: give each publisher an instance label of its own`
}
