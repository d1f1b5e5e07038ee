import { BUCKETS } from './buckets.js'

export interface BucketFigures {
  readonly groups: number
  readonly samples: number
  /** Of push groups and series. */
  readonly bytes: number
  readonly series: number
}

const NOTHING: BucketFigures = { groups: 0, samples: 0, bytes: 0, series: 0 }

/** How much the buckets hold, as last known. */
export class Figures {
  readonly #buckets: BucketFigures[] = new Array(BUCKETS).fill(NOTHING)
  #total: BucketFigures = NOTHING

  get total(): BucketFigures {
    return this.#total
  }

  set(bucket: number, now: BucketFigures): void {
    const before = this.#buckets[bucket]
    this.#buckets[bucket] = now
    const { groups, samples, bytes, series } = this.#total
    this.#total = {
      groups: groups + now.groups - before.groups,
      samples: samples + now.samples - before.samples,
      bytes: bytes + now.bytes - before.bytes,
      series: series + now.series - before.series,
    }
  }
}
