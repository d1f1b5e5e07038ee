import type { Steps } from '../../../shared/base/steps.js'
import type { WriteLimits } from '../../../shared/metrics/remote-write/limits.js'
import { WriteReader } from '../../../shared/metrics/remote-write/reader.js'
import type { WriteProtocol, WriteRequest } from '../../../shared/metrics/remote-write/request.js'
import { RecordWriter } from '../../../shared/metrics/remote-write/writer.js'
import type { RefusedItems } from './refused.js'
import { type LabelLimits, SeriesLabels } from './series-labels.js'
import { type TargetSeries, TargetSplit } from './target-split.js'

/** Samples, histograms and exemplars. */
export interface Written {
  samples: number
  histograms: number
  exemplars: number
}

/** The records of one target, and what they hold. */
export interface TargetRecords extends Readonly<Written> {
  readonly key: Buffer
  readonly values: readonly Buffer[]
  /** Families without series. */
  readonly metadata: number
}

export interface RecordLimits {
  readonly request: WriteLimits
  readonly labels: LabelLimits
  /** Labels that tell targets apart. */
  readonly targetLabels: readonly string[]
}

/** How the records of a request are made. */
export interface RecordOptions {
  readonly protocol: WriteProtocol
  /** Later times are refused, Unix ms. */
  readonly notAfter: number
  /** Called with the bytes of the records of each target. @throws when there is no room for them */
  readonly acquire: (bytes: number) => void
}

const SERIES_PER_STEP = 200

/** Makes records of requests, one request after the other. */
export class RecordMaker {
  readonly #reader: WriteReader
  readonly #labels: SeriesLabels
  readonly #split: TargetSplit
  readonly #writer = new RecordWriter()
  /** Series and families that were added. */
  #added = 0

  constructor(limits: RecordLimits) {
    this.#reader = new WriteReader(limits.request)
    this.#labels = new SeriesLabels(limits.targetLabels, limits.labels)
    this.#split = new TargetSplit(limits.targetLabels, this.#labels)
  }

  /**
   * @param refused series and times that are not part of the records are added to it
   * @returns nothing for a request of protocol 1.0 that has a time that is too late: such a request
   *   is refused as a whole
   * @throws ProtobufRefused
   */
  *make(body: Buffer, options: RecordOptions, refused: RefusedItems): Steps<TargetRecords[]> {
    try {
      const request = yield* this.#reader.readInSteps(body, options.protocol)
      if (options.protocol === '1.0' && request.newestTime > options.notAfter) {
        refused.add('clock', itemsOf(request), () => tooLate(request.newestTime, options.notAfter))
        return []
      }
      yield* this.#split.split(request, refused)
      return yield* this.#records(request, options, refused)
    } finally {
      this.#reader.release()
    }
  }

  *#records(
    request: WriteRequest,
    { notAfter, acquire }: RecordOptions,
    refused: RefusedItems,
  ): Steps<TargetRecords[]> {
    const writer = this.#writer
    const families = request.families.filter(({ isAttached }) => !isAttached)
    const unlabelled = families.length > 0 ? this.#split.unlabelled() : undefined
    const made: TargetRecords[] = []
    writer.begin(request)
    const { counts } = writer
    const before = { ...counts }
    for (const target of this.#split.targets) {
      yield* this.#addSeries(request, target, notAfter)
      if (target === unlabelled) {
        for (const family of families) {
          writer.addFamily(family)
          if (this.#isStep()) yield
        }
      }
      const values = writer.takeRecords()
      // All of its samples may be too new.
      if (values.length === 0) continue
      acquire(values.reduce((sum, { length }) => sum + length, target.key.length))
      made.push({
        key: target.key,
        values,
        samples: counts.samples - before.samples,
        histograms: counts.histograms - before.histograms,
        exemplars: counts.exemplars - before.exemplars,
        metadata: target === unlabelled ? families.length : 0,
      })
      Object.assign(before, counts)
    }
    if (counts.tooNew > 0)
      refused.add('clock', counts.tooNew, () => tooLate(request.newestTime, notAfter))
    return made
  }

  *#addSeries(request: WriteRequest, { first }: TargetSeries, notAfter: number): Steps<void> {
    const writer = this.#writer
    const labels = this.#labels
    const { next, isCanonical } = this.#split
    const { labelRefs, labelsFrom } = request
    const areTimely = request.newestTime <= notAfter
    for (let s = first; s >= 0; s = next[s]) {
      let refs = labelRefs
      let from = labelsFrom[s]
      let to = labelsFrom[s + 1]
      if (isCanonical[s] === 0) {
        labels.read(s)
        refs = labels.refs
        from = labels.from
        to = labels.to
      }
      if (!areTimely || !writer.addWhole(s, refs, from, to))
        yield* writer.add(s, refs, from, to, notAfter)
      if (this.#isStep()) yield
    }
  }

  #isStep(): boolean {
    return ++this.#added % SERIES_PER_STEP === 0
  }
}

const itemsOf = ({ series, samplesFrom, histogramsFrom, exemplarsFrom }: WriteRequest): number =>
  samplesFrom[series] + histogramsFrom[series] + exemplarsFrom[series]

const tooLate = (time: number, notAfter: number): string =>
  `a time is ${((time - notAfter) / 1000 + CLOCK_TOLERANCE_MS / 1000).toFixed(1)} s ahead of the clock of the brokers; check the clock of the sender`

/** Times may be so far ahead of log time, ms. */
export const CLOCK_TOLERANCE_MS = 10_000
