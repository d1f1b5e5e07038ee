import type { SampleBlock } from './block.js'
import { samplesOf } from './block.js'
import type { WriteItem } from './item.js'
import type { RequestWriter } from './request-writer.js'

export interface BlockItemOptions {
  readonly target: string
  readonly hash: number
  readonly blocks: readonly SampleBlock[]
  readonly dueAt: number
  readonly isRepeat: boolean
  /** Whether its partition was given up. */
  readonly isCancelled: () => boolean
  /** Releases what the blocks hold. */
  readonly onSettled: () => void
}

/** Samples of one target, made here. */
export class BlockItem implements WriteItem {
  readonly series: number
  readonly time: number

  constructor(private readonly options: BlockItemOptions) {
    let series = 0
    let time = Number.NEGATIVE_INFINITY
    for (const block of options.blocks) {
      series += samplesOf(block)
      time = Math.max(time, block.time)
    }
    this.series = series
    this.time = time
  }

  get target(): string {
    return this.options.target
  }

  get hash(): number {
    return this.options.hash
  }

  get samples(): number {
    return this.series
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

  write(writer: RequestWriter, from: number, to: number): void {
    let start = 0
    for (const block of this.options.blocks) {
      const end = start + samplesOf(block)
      if (from < end && to > start)
        writer.addBlock(block, Math.max(from, start) - start, Math.min(to, end) - start)
      start = end
    }
  }

  settle(): void {
    this.options.onSettled()
  }
}
