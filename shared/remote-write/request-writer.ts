import type { WriteRequest } from '../metrics/remote-write/request.js'
import type { SampleBlock } from './block.js'

/** Counts of what a request holds. */
export interface Counts {
  samples: number
  histograms: number
  exemplars: number
}

export const noCounts = (): Counts => ({ samples: 0, histograms: 0, exemplars: 0 })

/** A request as it is sent. */
export interface EncodedRequest extends Readonly<Counts> {
  /** Compressed; valid until the next request of the writer is finished. */
  readonly body: Buffer
  /** Size before the compression. */
  readonly bytes: number
}

/** What is sent besides samples. */
export interface SentKinds {
  readonly exemplars: boolean
  readonly nativeHistograms: boolean
}

/** Writes requests of one protocol, one after the other. */
export interface RequestWriter {
  /**
   * Adds series `from` to `to` (exclusive) of those of the block, which must not change until
   * `finish`.
   */
  addBlock(block: SampleBlock, from: number, to: number): void
  /**
   * Adds series `from` to `to` (exclusive) of a request that was received. Series of which nothing
   * is sent are left out.
   */
  addWritten(request: WriteRequest, from: number, to: number, sent: SentKinds): void
  /** Ends the request, and begins the next one. */
  finish(): EncodedRequest
  /** Begins the next request without what was added: its writing failed. */
  discard(): void
}
