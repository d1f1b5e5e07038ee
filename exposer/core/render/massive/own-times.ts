import type { Steps } from '../../../../shared/base/steps.js'
import { BLOCK, type LayoutText } from '../../../../shared/exposition/layout-text.js'
import type { SampleDrop } from '../../history/history.js'
import type { Snapshot, SnapshotPart } from '../../store/snapshot.js'

/** Series examined per step. */
const STEP = 2000

interface Sample {
  readonly at: number
  readonly value: number
}

/**
 * Finds the samples of a scrape of the view `all` that are omitted because of their own timestamps:
 * those that are too old, and those that are not later than the previous sample of their series. A
 * repetition with the same value is omitted without being counted. Prometheus would reject a whole
 * scrape for one sample that is too old.
 */
export class OwnTimes {
  readonly #omitted = new Map<SnapshotPart, Uint8Array>()
  /** Number of omitted samples, repetitions included. */
  omittedSamples = 0

  /**
   * @param oldest lowest timestamp that is exposed, Unix ms
   * @param dropped counts what is omitted, by reason
   */
  constructor(
    private readonly oldest: number,
    private readonly dropped: (reason: SampleDrop) => void,
  ) {}

  /** 1 for each omitted series of the part. Undefined if none is omitted. */
  omitted(part: SnapshotPart): Uint8Array | undefined {
    return this.#omitted.get(part)
  }

  /** Examines the snapshots of one target, in the order in which they are exposed. */
  *examine(snapshots: readonly Snapshot[]): Steps<void> {
    if (!snapshots.some(({ parts }) => parts.some(part => part.timestamps))) return
    const last = new Map<string, Sample>()
    let step = 0
    for (const { parts, collectedAt } of snapshots) {
      for (const part of parts) {
        const text = part.layout.plain
        const omitted = new Uint8Array(part.values!.length)
        let any = false
        for (let i = 0; i < omitted.length; i++) {
          const sample = { at: part.timestamps?.[i] ?? collectedAt, value: part.values![i] }
          if (this.#isOmitted(sample, seriesOf(text, i), last)) {
            omitted[i] = 1
            any = true
          }
          if (++step % STEP === 0) yield
        }
        if (any) this.#omitted.set(part, omitted)
      }
    }
  }

  #isOmitted(sample: Sample, series: string, last: Map<string, Sample>): boolean {
    const before = last.get(series)
    const old = sample.at < this.oldest
    if (!old && (!before || sample.at > before.at)) {
      last.set(series, sample)
      return false
    }
    this.omittedSamples++
    const repeated = before?.at === sample.at && Object.is(before.value, sample.value)
    if (!repeated) this.dropped(old ? 'too_old' : 'not_ascending')
    return true
  }
}

function seriesOf({ blocks, offsets }: LayoutText, i: number): string {
  const first = i - (i % BLOCK)
  const base = offsets[first]
  return blocks[first / BLOCK].slice(offsets[i] - base, offsets[i + 1] - base)
}
