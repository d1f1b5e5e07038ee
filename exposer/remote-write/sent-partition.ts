import type { Logger } from '../../shared/base/logger.js'
import type { WriteFigures } from '../../shared/remote-write/figures.js'
import { type Position, Progress } from './progress.js'
import { commitText } from './start.js'

const POLL_MS = 10

/** A partition that is sent to one receiver, from its assignment until it is lost. */
export class SentPartition {
  /** Null before the log is located. */
  progress: Progress | null = null
  /** Offset at which sending begins. */
  sendFrom = 0
  /** Records below were in the log when it was assigned: they may have been sent before. */
  repeatsBelow = 0
  isLost = false
  /** Offset that was committed last. */
  #committed = -1
  #hasBegun = false
  /** Settles when the partition is no longer about to be given up. */
  #paused: { readonly promise: Promise<void>; resume(): void } | null = null

  constructor(readonly partition: number) {}

  /**
   * The log was located.
   *
   * @param position where sending begins; null: at the end; undefined: the log was replaced
   * @returns number of records that were deleted before they were sent
   */
  locate(
    position: Position | null | undefined,
    log: { readonly from: number; readonly until: number; readonly wall: number },
  ): number {
    const { from, until, wall } = log
    const begin = Math.min(until, position === null ? until : (position?.offset ?? 0))
    this.sendFrom = Math.max(from, begin)
    this.progress = new Progress({ offset: this.sendFrom, time: position?.time || wall })
    this.repeatsBelow = position ? until : 0
    // With a commit, a start after a crash begins there again.
    this.#hasBegun = position !== null && position !== undefined && position.time > 0
    return position ? Math.max(0, from - begin) : 0
  }

  /**
   * Resolves when the offset at which sending begins is committed: otherwise a start after a crash
   * would begin later, and lose what was sent in vain.
   *
   * @param committed the offset that the brokers have committed
   */
  async begun(committed: () => number): Promise<void> {
    while (!this.#hasBegun && !this.isLost) {
      this.#hasBegun = committed() >= this.sendFrom
      if (!this.#hasBegun) await new Promise(resolve => setTimeout(resolve, POLL_MS))
    }
  }

  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** The last record that was read: samples that are due without one count as its samples. */
  get lastRead(): Position {
    const { offset, time } = this.progress!.position
    return { offset: Math.max(0, offset - 1), time }
  }

  /** The offset to commit and its metadata, if it is another than before. */
  commit(partitions: number): { readonly offset: number; readonly metadata: string } | null {
    if (this.isLost || !this.progress) return null
    const { offset, time } = this.progress.committable
    if (offset <= this.#committed) return null
    this.#committed = offset
    return { offset, metadata: commitText({ time, partitions }) }
  }

  /** Age of the oldest record that the receiver has not answered for, seconds. */
  ageSeconds(wall: number): number {
    return (this.progress?.ageMs(wall) ?? 0) / 1000
  }

  get isPaused(): boolean {
    return this.#paused !== null
  }

  /** Resolves when the partition is not paused, or lost. */
  get resumed(): Promise<void> | undefined {
    return this.#paused?.promise
  }

  /** The partition is about to be given up: nothing more of it is read. */
  pause(): void {
    if (this.#paused) return
    let resume = () => {}
    const promise = new Promise<void>(resolve => {
      resume = resolve
    })
    this.#paused = { promise, resume }
  }

  resume(): void {
    this.#paused?.resume()
    this.#paused = null
  }

  /** It is another process's now. */
  lose(): void {
    this.isLost = true
    this.resume()
  }
}

/** Counts and logs records of a partition that were deleted before they were sent. */
export function noteLoss(
  { figures, logger }: { readonly figures: WriteFigures; readonly logger: Logger },
  partition: number,
  records: number,
): void {
  if (records === 0) return
  figures.fail('retention', records)
  logger.error('Records were deleted before they were sent', { partition, records })
}

/**
 * Resolves when everything of the partitions is settled, or when they are lost or kept after all.
 *
 * @param isStopped whether to give up
 */
export async function settled(
  partitions: readonly SentPartition[],
  isStopped: () => boolean,
): Promise<void> {
  const isOpen = (one: SentPartition) =>
    !one.isLost && one.isPaused && (one.progress?.size ?? 0) > 0
  while (partitions.some(isOpen) && !isStopped())
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
}
