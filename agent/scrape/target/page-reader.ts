import { runInSlices } from '../../../shared/base/steps.js'
import { DEFAULT_LIMITS, type Limits } from '../../../shared/metrics/limits.js'
import type { Exposition } from '../../../shared/metrics/model.js'
import { ProtobufReader } from '../../../shared/metrics/protobuf/reader.js'
import { TextReader } from '../../../shared/metrics/text/reader.js'
import type { BodyFormat } from './media-type.js'

/**
 * Limits of a page before metric relabelling, which bound the cost of reading it. A record has at
 * most a fifth of these series.
 */
const PAGE_LIMITS: Limits = { ...DEFAULT_LIMITS, samples: 5 * DEFAULT_LIMITS.samples }

/** An exposition and its values take about twice the memory of the page. */
const EXPOSITION_SHARE = 2

/** Reads the pages of one target. It has one reader for each format, because a target has one. */
export class PageReader {
  #text: TextReader | undefined
  #protobuf: ProtobufReader | undefined

  /** Estimated memory of what is kept of the last page. */
  get retainedBytes(): number {
    const bytes = (this.#text?.retainedBytes ?? 0) + (this.#protobuf?.retainedBytes ?? 0)
    return (1 + EXPOSITION_SHARE) * bytes
  }

  /** @throws Error with the reason in one line */
  read(body: Buffer, format: BodyFormat): Promise<Exposition> {
    if (format === 'protobuf') {
      this.#text = undefined
      this.#protobuf ??= new ProtobufReader(PAGE_LIMITS)
      return runInSlices(this.#protobuf.readInSteps(body))
    }
    this.#protobuf = undefined
    this.#text ??= new TextReader('scrape', PAGE_LIMITS)
    return runInSlices(this.#text.readInSteps(body, format))
  }

  /** Frees what is kept of the last page. */
  reset(): void {
    this.#text = undefined
    this.#protobuf = undefined
  }
}
