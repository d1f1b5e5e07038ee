import type { RequestWriter } from './request-writer.js'

/**
 * What is sent of one target at one time. It may be sent in several requests, which have its series
 * in order.
 */
export interface WriteItem {
  /** Identity of the target: its items stay in order. */
  readonly target: string
  /** Hash of the target, by which it is assigned to a queue shard. */
  readonly hash: number
  /** Number of series. */
  readonly series: number
  /** Number of samples and histograms, at least one. */
  readonly samples: number
  /** Newest time of its samples, Unix ms. */
  readonly time: number
  /** Unix ms by the brokers' clock at which it became due; for the delay. */
  readonly dueAt: number
  /**
   * Whether it may have been sent before, by another process. A request then holds no other item of
   * its target.
   */
  readonly isRepeat: boolean
  /** Whether it is another process's to send: it is removed from the queue without being sent. */
  readonly isCancelled: boolean
  /**
   * Makes what `write` needs of these series, in slices. Without it that needs nothing, or makes it
   * itself.
   */
  prepare?(from: number, to: number): Promise<void>
  /** Adds series `from` to `to` (exclusive) to a request, in one step. */
  write(writer: RequestWriter, from: number, to: number): void
  /**
   * Called once, when the receiver has answered for all samples, or they were dropped for good.
   * Releases what the item holds.
   */
  settle(): void
}

/** Series `from` to `to` (exclusive) of an item. */
export interface Piece {
  readonly item: WriteItem
  readonly from: number
  readonly to: number
}

/** Samples of a piece: exact for a whole item, else by its share of the series. */
export function samplesOfPiece({ item, from, to }: Piece): number {
  if (item.samples === item.series) return to - from
  return (
    Math.round((item.samples * to) / item.series) - Math.round((item.samples * from) / item.series)
  )
}

/** A target as messages name it. */
export const textOfTarget = (target: string): string => target.replaceAll('\0', ' ').trim()
