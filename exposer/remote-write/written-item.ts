import type { WriteReader } from '../../shared/metrics/remote-write/reader.js'
import type { WriteRequest } from '../../shared/metrics/remote-write/request.js'
import type { WriteItem } from '../../shared/remote-write/item.js'
import type { RequestWriter, SentKinds } from '../../shared/remote-write/request-writer.js'
import type { RelabelledRequest } from '../../shared/remote-write/written-relabelling.js'

export interface WrittenItemOptions {
  readonly target: string
  readonly hash: number
  /** The record's value, which does not change. */
  readonly bytes: Buffer
  readonly reader: WriteReader
  readonly sent: SentKinds
  /** Relabels series `from` to `to` (exclusive) of the value, in slices; null: they stay as is. */
  readonly relabel: ((bytes: Buffer, from: number, to: number) => Promise<RelabelledRequest>) | null
  readonly dueAt: number
  readonly isRepeat: boolean
  readonly isCancelled: () => boolean
  readonly onSettled: () => void
}

/** Samples of one target as they were written to a gateway: a record of `metrics.writes`. */
export class WrittenItem implements WriteItem {
  readonly series: number
  readonly samples: number
  readonly time: number
  /** Samples and histograms that relabelling drops. */
  readonly dropped: number
  /** Indexes of the series that are sent; null for all. */
  readonly #kept: Uint32Array | null
  /** By the first series of those that are written next. */
  readonly #relabelled = new Map<number, RelabelledRequest>()

  /**
   * @param request the value as it was read
   * @param kept indexes of the series that relabelling keeps; null for all
   */
  constructor(
    private readonly options: WrittenItemOptions,
    request: WriteRequest,
    kept: Uint32Array | null,
  ) {
    const { sent } = options
    const samplesTo = (series: number) =>
      request.samplesFrom[series] + (sent.nativeHistograms ? request.histogramsFrom[series] : 0)
    const all = samplesTo(request.series)
    this.series = kept?.length ?? request.series
    this.samples = kept?.reduce((sum, s) => sum + samplesTo(s + 1) - samplesTo(s), 0) ?? all
    this.dropped = all - this.samples
    this.time = request.newestTime
    this.#kept = kept
  }

  get target(): string {
    return this.options.target
  }

  get hash(): number {
    return this.options.hash
  }

  get dueAt(): number {
    return this.options.dueAt
  }

  get isRepeat(): boolean {
    return this.options.isRepeat
  }

  get isCancelled(): boolean {
    return this.options.isCancelled()
  }

  async prepare(from: number, to: number): Promise<void> {
    const { relabel, bytes } = this.options
    if (!relabel) return
    const relabelled = await relabel(bytes, this.#seriesAt(from), this.#seriesAt(to - 1) + 1)
    this.#relabelled.set(from, relabelled)
  }

  /** With relabelling after `prepare` of the same series. */
  write(writer: RequestWriter, from: number, to: number): void {
    const { reader, bytes, sent, relabel } = this.options
    // Its bytes are kept instead of what was read of them, which takes several times the memory.
    const request = reader.read(bytes, '2.0')
    if (!relabel) {
      writer.addWritten(request, from, to, sent)
      return
    }
    const relabelled = { ...request, ...this.#relabelled.get(from) }
    let start = this.#seriesAt(from)
    for (let n = from; n < to; n++) {
      const end = this.#seriesAt(n) + 1
      if (n + 1 < to && this.#seriesAt(n + 1) === end) continue
      writer.addWritten(relabelled, start, end, sent)
      start = this.#seriesAt(n + 1)
    }
  }

  #seriesAt(n: number): number {
    return this.#kept?.[n] ?? n
  }

  settle(): void {
    this.#relabelled.clear()
    this.options.onSettled()
  }
}
