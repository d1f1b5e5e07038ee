/** Interval between two calculations, ms. */
export const RESHARD_MS = 10_000
const EWMA_WEIGHT = 0.2
/** A change of fewer than this share of the shards is not made. */
const TOLERANCE = 0.3
/** Share of the backlog that is to be sent within a second. */
const CATCH_UP = 0.05

/** An exponentially weighted moving average of a rate. */
export class Ewma {
  #events = 0
  #rate = 0
  #begun = false

  /** Events per second. */
  get rate(): number {
    return this.#rate
  }

  add(count: number): void {
    this.#events += count
  }

  /** @param seconds since the last tick */
  tick(seconds: number): void {
    const now = this.#events / seconds
    this.#events = 0
    this.#rate = this.#begun ? this.#rate + EWMA_WEIGHT * (now - this.#rate) : now
    this.#begun = true
  }
}

export interface ShardDemand {
  readonly shards: number
  readonly minShards: number
  readonly maxShards: number
  /** Samples per second that come in, and that were sent. */
  readonly inRate: number
  readonly outRate: number
  /** Seconds of sending per second, of all shards together. */
  readonly sending: number
  /** Seconds by which the newest sample that was sent is behind the newest one. */
  readonly delay: number
}

/**
 * Number of shards for the current rates, by Prometheus's rule: shards needed for the incoming rate
 * and a twentieth of the backlog, at the measured time per sample. It changes only by more than 30
 * %, and does not fall while there is a backlog.
 *
 * @see https://github.com/prometheus/prometheus/blob/main/storage/remote/queue_manager.go
 */
export function desiredShards(demand: ShardDemand): { shards: number; desired: number } {
  const { shards, minShards, maxShards, inRate, outRate, sending, delay } = demand
  if (outRate <= 0) return { shards, desired: shards }
  const timePerSample = sending / outRate
  const backlog = Math.max(0, delay) * inRate
  const desired = timePerSample * (inRate + CATCH_UP * backlog)
  const rounded = Math.ceil(desired)
  const isClose = rounded >= shards * (1 - TOLERANCE) && rounded <= shards * (1 + TOLERANCE)
  const waits = rounded < shards && delay * 1000 >= RESHARD_MS
  if (isClose || waits) return { shards, desired }
  return { shards: Math.min(maxShards, Math.max(minShards, rounded)), desired }
}
