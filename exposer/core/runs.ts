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
  /** Snapshots after `sequence` that were refused, and the newest of them. */
  refused: number
  refusedSequence: number
  /** Snapshots refused since the run was last exposed, because a newer run is alive. */
  hidden: number
}

/** Estimated bytes of a run. */
const RUN_BYTES = 200
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
      beganHere: this.#all.length > 0 && incarnation > this.#newest,
      sequence: -1,
      superseded: 0,
      collectedAt: -1,
      intervalMs: 0,
      heardAt: Number.NEGATIVE_INFINITY,
      ended: false,
      refused: 0,
      refusedSequence: -1,
      hidden: 0,
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
