import { isRelayed } from '../../shared/snapshot/relayed.js'

/** What a shard knows of one run of a target. */
export interface Run {
  readonly incarnation: number
  /** Whether its first snapshot was published while this shard knew the target. */
  readonly beganHere: boolean
  /** Newest complete or hidden snapshot; −1 before the first one. */
  sequence: number
  superseded: number
  /** Collection time of that snapshot by the producer's clock, not clamped. */
  collectedAt: number
  intervalMs: number
  /** Log time of its last record, including refused ones. */
  heardAt: number
  /** Whether that snapshot is the end of the run. */
  ended: boolean
  /** Whether its end is not exposed: nothing of it was known before, or it is too old. */
  endedUnseen: boolean
  /** Snapshots after `sequence` that were refused, and the newest of them. */
  refused: number
  refusedSequence: number
  /** Snapshots refused since the run was last exposed, because a newer run is alive. */
  hidden: number
  /** Log time of its last record that was too old for virtual targets. */
  outdatedAt: number
}

/** Estimated bytes of a run. */
const RUN_BYTES = 216
/** Maximum runs of a target. Beyond, the one that is silent for longest is forgotten. */
const MAX_RUNS = 8

/**
 * The runs of one target: usually one at a time. There are several if publishers of different
 * processes have the same labels.
 */
export class Runs {
  /** The run whose snapshots are exposed; null before the first complete snapshot. */
  current: Run | null = null
  readonly #all: Run[] = []
  #newest = -1

  /** Estimated bytes of the runs beyond the first. */
  get bytes(): number {
    return RUN_BYTES * Math.max(0, this.#all.length - 1)
  }

  get all(): readonly Run[] {
    return this.#all
  }

  find(incarnation: number): Run | undefined {
    if (this.current?.incarnation === incarnation) return this.current
    return this.#all.find(run => run.incarnation === incarnation)
  }

  /** Returns the run, which is added if it is not known. */
  of(incarnation: number): Run {
    const known = this.find(incarnation)
    if (known) return known
    const run: Run = {
      incarnation,
      // A relayed run has no time of start.
      beganHere: !isRelayed(this.#newest) && incarnation > this.#newest,
      sequence: -1,
      superseded: 0,
      collectedAt: -1,
      intervalMs: 0,
      heardAt: Number.NEGATIVE_INFINITY,
      ended: false,
      endedUnseen: false,
      refused: 0,
      refusedSequence: -1,
      hidden: 0,
      outdatedAt: Number.NEGATIVE_INFINITY,
    }
    this.#newest = Math.max(this.#newest, incarnation)
    this.#all.push(run)
    if (this.#all.length > MAX_RUNS) this.#forgetOne(run)
    return run
  }

  #forgetOne(added: Run): void {
    const others = this.#all.filter(run => run !== added && run !== this.current)
    const silent = others.reduce((a, b) => (b.heardAt < a.heardAt ? b : a))
    this.#all.splice(this.#all.indexOf(silent), 1)
  }
}
