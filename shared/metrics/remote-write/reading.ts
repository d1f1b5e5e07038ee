import { isUtf8 } from 'node:buffer'
import type { Steps } from '../../base/steps.js'
import type { WireReader } from '../protobuf/wire.js'
import type { RequestColumns } from './columns.js'
import { type HistogramHead, readHistogramHead } from './histogram.js'
import type { WriteLimits } from './limits.js'
import { SYMBOL_NOT_UTF8, SYMBOL_OK, SYMBOL_TOO_LONG } from './request.js'
import { readSample } from './sample.js'

const NONE = -1

/** What the readers of both protocols have in common. */
export abstract class RequestReading {
  /** End of the series that is read, or −1. */
  #seriesEnd = NONE
  readonly #head: HistogramHead = { time: 0, isStale: false }

  constructor(
    protected readonly wire: WireReader,
    protected readonly columns: RequestColumns,
    protected readonly limits: WriteLimits,
  ) {}

  /** Reads until the offset is reached, or little more. */
  advance(stop: number): void {
    const { wire } = this
    const { length } = wire.bytes
    while (wire.at < stop) {
      if (this.#seriesEnd === NONE) {
        this.usualMessages(stop)
        if (wire.at >= stop) return
        const key = wire.key(length)
        if (this.isSeries(key)) this.#beginSeries(length)
        else this.topField(key, length)
      } else {
        this.seriesFields(Math.min(stop, this.#seriesEnd), this.#seriesEnd)
        if (wire.at < this.#seriesEnd) continue
        this.#seriesEnd = NONE
        this.#checkPairs()
      }
    }
  }

  /** Reads messages that need no more than one step, as long as they are what senders write. */
  protected usualMessages(_stop: number): void {}
  /** Does what can be done only at the end of the request. */
  abstract end(): Steps<void>
  protected abstract isSeries(key: number): boolean
  protected abstract topField(key: number, end: number): void
  /** Reads fields of a series until `stop` or little more. */
  protected abstract seriesFields(stop: number, end: number): void

  #beginSeries(length: number): void {
    const { wire, columns, limits } = this
    if (columns.series === limits.series) this.tooMany(limits.series, 'series')
    const end = wire.length(length)
    columns.beginSeries()
    // An empty series has no fields.
    this.#seriesEnd = end > wire.at ? end : NONE
  }

  #checkPairs(): void {
    const { columns, wire } = this
    if ((columns.labelRefCount - columns.labelsFrom[columns.series - 1]) % 2 === 1)
      wire.refuse('label', 'a label of the series that ends here has a name without a value')
  }

  /** Adds the text as a symbol. @returns its index */
  protected addSymbol(from: number, to: number): number {
    const { wire, columns, limits } = this
    if (columns.symbols.length === limits.symbols)
      this.tooMany(limits.symbols, 'different label names, label values and texts')
    if (to - from > limits.textBytes) return columns.addSymbol('', from, to, SYMBOL_TOO_LONG)
    const { bytes } = wire
    let i = from
    while (i < to && bytes[i] < 0x80) i++
    if (i === to) return columns.addSymbol(bytes.toString('latin1', from, to), from, to, SYMBOL_OK)
    if (!isUtf8(bytes.subarray(from, to))) return columns.addSymbol('', from, to, SYMBOL_NOT_UTF8)
    return columns.addSymbol(bytes.toString('utf8', from, to), from, to, SYMBOL_OK)
  }

  protected sample(from: number, to: number): void {
    const { columns, limits } = this
    if (columns.samples + columns.histograms === limits.samples)
      this.tooMany(limits.samples, 'samples')
    readSample(this.wire, from, to, columns)
  }

  protected histogram(from: number, to: number): void {
    const { columns, limits, wire } = this
    if (columns.samples + columns.histograms === limits.samples)
      this.tooMany(limits.samples, 'samples')
    if (to - from > limits.histogramBytes)
      wire.refuse(
        'limit',
        `a histogram has ${to - from} bytes, over the limit of ${limits.histogramBytes}; use a coarser schema`,
        from,
      )
    const head = this.#head
    wire.at = from
    readHistogramHead(wire, to, head)
    columns.addHistogram(head.time, head.isStale, from, to)
  }

  protected beginExemplar(): void {
    const { columns, limits } = this
    if (columns.exemplars === limits.exemplars) this.tooMany(limits.exemplars, 'exemplars')
    columns.beginExemplar()
  }

  protected addExemplarRef(ref: number): void {
    const { columns, limits } = this
    const first = columns.exemplarRefsFrom[columns.exemplars - 1]
    if (columns.exemplarRefCount - first === 2 * limits.labels)
      this.tooMany(limits.labels, 'labels of one exemplar')
    if (columns.exemplarRefCount === 2 * limits.totalLabels)
      this.tooMany(limits.totalLabels, 'labels of exemplars')
    columns.addExemplarRef(ref)
  }

  /** Counts the labels of the series that is read. */
  protected checkLabels(): void {
    const { columns, limits } = this
    if (columns.labelRefCount - columns.labelsFrom[columns.series - 1] > 2 * limits.labels)
      this.tooMany(limits.labels, 'labels of one series')
    if (columns.labelRefCount > 2 * limits.totalLabels)
      this.tooMany(limits.totalLabels, 'labels in all')
  }

  protected tooMany(limit: number, what: string): never {
    this.wire.refuse('limit', `more than ${limit} ${what}; send less in one request`)
  }
}
