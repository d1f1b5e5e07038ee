import { ASSEMBLIES, type Assembly } from './made.js'

/** Figures of the mirrors of a gateway. They only go up, unless said otherwise. */
export interface MirrorFigures {
  /** Targets and their series. Go up and down. */
  targets: number
  series: number
  records: number
  samples: number
  readonly snapshots: Record<Assembly, number>
  failures: number
  ends: number
  /** Samples of a scrape whose snapshot had been made. */
  late: number
  /** Samples that are not newer than the newest of their series, with the same or a lower time. */
  repeated: number
  back: number
  nativeHistograms: number
  /** Samples that had to give way because too many waited for the `up` of their scrape. */
  overtaken: number
  /** Samples that were refused. */
  readonly refused: Record<MirrorRefusal, number>
}

/**
 * - `memory`: the series or target is new, and there is no memory for it
 * - `label`: the series has no name, or a NUL in a label
 * - `time`: the time is before 1970, or long after log time: it would make all others go back
 * - `key`: the key of the record is not that of a target
 * - `record`: the record is not a remote write request, or it cannot be read
 */
export const MIRROR_REFUSALS = ['memory', 'label', 'time', 'key', 'record'] as const
export type MirrorRefusal = (typeof MIRROR_REFUSALS)[number]

export const noMirrorFigures = (): MirrorFigures => ({
  targets: 0,
  series: 0,
  records: 0,
  samples: 0,
  snapshots: Object.fromEntries(ASSEMBLIES.map(how => [how, 0])) as Record<Assembly, number>,
  failures: 0,
  ends: 0,
  late: 0,
  repeated: 0,
  back: 0,
  nativeHistograms: 0,
  overtaken: 0,
  refused: Object.fromEntries(MIRROR_REFUSALS.map(why => [why, 0])) as Record<
    MirrorRefusal,
    number
  >,
})
