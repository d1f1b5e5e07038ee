import type { Steps } from '../../base/steps.js'
import { HISTOGRAMS, SAMPLES } from './fields-v2.js'
import { fieldSize, RecordOutput } from './record.js'
import type { WriteRequest, WrittenFamily } from './request.js'

/** Size above which the series of a target are continued in another record, bytes. */
const RECORD_BYTES = 900_000
/**
 * Maximum bytes of the labels of a series, its metadata and the labels of an exemplar together. The
 * caller does not add longer ones: a record has room for them, the largest histogram and its key.
 */
export const MAX_LABEL_BYTES = 200_000
/** Bytes of numbers in an exemplar or a series, at most. */
const NUMBERS = 64
const ITEMS_PER_STEP = 4096

/** What was written. */
export interface WriteCounts {
  samples: number
  histograms: number
  exemplars: number
  /** Samples, histograms and exemplars that were left out because of their time. */
  tooNew: number
}

/** Items of a series that become one message. */
interface Items {
  readonly samples: number[]
  readonly histograms: number[]
  readonly exemplars: number[]
}

/**
 * Writes the records of `metrics.writes`: the series of one target as requests of protocol 2.0,
 * uncompressed. Samples and histograms are copied as they came, with all their bits.
 *
 * For each request `begin`; for each of its targets `add` its series, then `takeRecords`.
 *
 * @see docs/wire-format.md
 */
export class RecordWriter {
  counts: WriteCounts = { samples: 0, histograms: 0, exemplars: 0, tooNew: 0 }
  readonly #record = new RecordOutput()
  #request!: WriteRequest
  #records: Buffer[] = []

  constructor(private readonly recordBytes = RECORD_BYTES) {}

  begin(request: WriteRequest): void {
    this.#request = request
    this.counts = { samples: 0, histograms: 0, exemplars: 0, tooNew: 0 }
    this.#records = []
    this.#record.begin(request)
  }

  /** @returns the records since the last call, in order */
  takeRecords(): Buffer[] {
    this.#endRecord()
    const records = this.#records
    this.#records = []
    return records
  }

  /**
   * Adds a series, without its items if it has none.
   *
   * @param refs holds the references of its labels from `from` (inclusive) to `to` (exclusive)
   * @param notAfter items with a later time are left out, Unix ms
   */
  *add(s: number, refs: Uint32Array, from: number, to: number, notAfter: number): Steps<void> {
    if (this.#request.newestTime > notAfter || !this.addWhole(s, refs, from, to))
      yield* this.#addInPieces(s, refs, from, to, notAfter)
  }

  /**
   * Adds a series that has only samples, without judging their times. This is the case of nearly
   * all series, and ten times as fast as `add`.
   *
   * @returns false if the series has something else, or its samples are too many or not in a row
   */
  addWhole(s: number, refs: Uint32Array, from: number, to: number): boolean {
    const { samplesFrom, histogramsFrom, exemplarsFrom, sampleRanges, bytes } = this.#request
    const first = samplesFrom[s]
    const last = samplesFrom[s + 1] - 1
    if (
      last < first ||
      histogramsFrom[s + 1] > histogramsFrom[s] ||
      exemplarsFrom[s + 1] > exemplarsFrom[s]
    )
      return false
    // Of each sample: its key, its length of one byte, and the message.
    const begin = sampleRanges[2 * first] - 2
    const end = sampleRanges[2 * last + 1]
    if (end - begin > this.recordBytes - MAX_LABEL_BYTES || last - first > ITEMS_PER_STEP)
      return false
    let at = begin
    for (let i = first; i <= last; i++) {
      const from = sampleRanges[2 * i]
      const to = sampleRanges[2 * i + 1]
      if (from !== at + 2 || bytes[at] !== SAMPLES || bytes[at + 1] !== to - from) return false
      at = to
    }
    this.#makeRoom(end - begin + MAX_LABEL_BYTES)
    this.#record.beginSeries(s, refs, from, to, end - begin)
    this.#record.copy(begin, end)
    this.#record.endSeries(s)
    this.counts.samples += last - first + 1
    return true
  }

  /** Adds a series that carries the metadata of a family: it has its name, and no samples. */
  addFamily(family: WrittenFamily): void {
    this.#makeRoom(MAX_LABEL_BYTES)
    this.#record.addFamily(family)
  }

  /** Adds a series in as many messages as it needs. */
  *#addInPieces(
    s: number,
    refs: Uint32Array,
    from: number,
    to: number,
    notAfter: number,
  ): Steps<void> {
    const request = this.#request
    const { samplesFrom, histogramsFrom, exemplarsFrom, sampleRanges, histogramRanges } = request
    const limit = this.recordBytes - MAX_LABEL_BYTES
    let items = noItems()
    let size = 0
    let steps = 0
    const isPlaced = (bytes: number, time: number): boolean => {
      if (time > notAfter) {
        this.counts.tooNew++
        return false
      }
      if (size > 0 && size + bytes > limit) {
        this.#addItems(s, refs, from, to, items, size)
        items = noItems()
        size = 0
      }
      size += bytes
      return true
    }
    for (let i = samplesFrom[s]; i < samplesFrom[s + 1]; i++) {
      const bytes = fieldSize(sampleRanges[2 * i + 1] - sampleRanges[2 * i])
      if (isPlaced(bytes, request.timestamps[i])) items.samples.push(i)
      if (++steps % ITEMS_PER_STEP === 0) yield
    }
    for (let i = histogramsFrom[s]; i < histogramsFrom[s + 1]; i++) {
      const bytes = fieldSize(histogramRanges[2 * i + 1] - histogramRanges[2 * i])
      if (isPlaced(bytes, request.histogramTimes[i])) items.histograms.push(i)
      if (++steps % ITEMS_PER_STEP === 0) yield
    }
    for (let i = exemplarsFrom[s]; i < exemplarsFrom[s + 1]; i++) {
      if (isPlaced(this.#maxExemplarBytes(i), request.exemplarTimes[i])) items.exemplars.push(i)
      if (++steps % ITEMS_PER_STEP === 0) yield
    }
    const isEmpty =
      samplesFrom[s + 1] === samplesFrom[s] &&
      histogramsFrom[s + 1] === histogramsFrom[s] &&
      exemplarsFrom[s + 1] === exemplarsFrom[s]
    if (size > 0 || isEmpty) this.#addItems(s, refs, from, to, items, size)
  }

  /** @param maxSize bytes of the items, at most */
  #addItems(
    s: number,
    refs: Uint32Array,
    from: number,
    to: number,
    { samples, histograms, exemplars }: Items,
    maxSize: number,
  ): void {
    const record = this.#record
    const { sampleRanges, histogramRanges } = this.#request
    this.#makeRoom(maxSize + MAX_LABEL_BYTES)
    let size = 0
    for (const i of samples) size += fieldSize(sampleRanges[2 * i + 1] - sampleRanges[2 * i])
    for (const i of histograms)
      size += fieldSize(histogramRanges[2 * i + 1] - histogramRanges[2 * i])
    for (const i of exemplars) size += record.exemplarSize(i)
    record.beginSeries(s, refs, from, to, size)
    for (const i of samples) record.copyField(SAMPLES, sampleRanges[2 * i], sampleRanges[2 * i + 1])
    for (const i of histograms)
      record.copyField(HISTOGRAMS, histogramRanges[2 * i], histogramRanges[2 * i + 1])
    for (const i of exemplars) record.copyExemplar(i)
    record.endSeries(s)
    this.counts.samples += samples.length
    this.counts.histograms += histograms.length
    this.counts.exemplars += exemplars.length
  }

  /** Bytes of an exemplar and of its symbols, at most. */
  #maxExemplarBytes(i: number): number {
    const { exemplarRefs, exemplarRefsFrom, symbolRanges } = this.#request
    let bytes = NUMBERS
    for (let j = exemplarRefsFrom[i]; j < exemplarRefsFrom[i + 1]; j++) {
      const ref = exemplarRefs[j]
      bytes += symbolRanges[2 * ref + 1] - symbolRanges[2 * ref] + 16
    }
    return bytes
  }

  /** Ends the record if it has no room for so many bytes. */
  #makeRoom(bytes: number): void {
    if (this.#record.length + bytes > this.recordBytes) this.#endRecord()
  }

  #endRecord(): void {
    if (!this.#record.isEmpty) this.#records.push(this.#record.take())
  }
}

const noItems = (): Items => ({ samples: [], histograms: [], exemplars: [] })
