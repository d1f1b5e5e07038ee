import type { Steps } from '../../shared/base/steps.js'
import type { Limits } from '../../shared/metrics/limits.js'
import type { Exposition, Family } from '../../shared/metrics/model.js'
import { ProtobufReader } from '../../shared/metrics/protobuf/reader.js'
import { TextReader } from '../../shared/metrics/text/reader.js'

export type BodyFormat = 'text' | 'protobuf'

/** The content of a body, and the number of its layout among those of the reader. */
export interface ReadBody {
  readonly exposition: Exposition
  /** The same as before if only values have changed. */
  readonly layout: number
}

/** Reads bodies of which most differ in values only. */
export class BodyReader {
  readonly #reader: TextReader | ProtobufReader
  #families: readonly Family[] | undefined
  #layout = 0

  constructor(format: BodyFormat, limits: Limits) {
    this.#reader = format === 'text' ? new TextReader('push', limits) : new ProtobufReader(limits)
  }

  /** Estimate of the memory that is kept for the next body, bytes. */
  get retainedBytes(): number {
    return 3 * this.#reader.retainedBytes
  }

  /** @throws ExpositionRefused or ProtobufRefused */
  *readInSteps(body: Buffer): Steps<ReadBody> {
    const exposition = yield* this.#reader.readInSteps(body)
    if (exposition.families !== this.#families) {
      this.#families = exposition.families
      this.#layout++
    }
    return { exposition, layout: this.#layout }
  }
}
