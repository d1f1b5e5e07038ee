import type { Label } from '../../shared/metrics/model.js'
import type { Collected } from '../../shared/publish/publications.js'

/** A target whose collections are delivered. */
export interface SinkTarget {
  /** Sorted by name. */
  readonly labels: readonly Label[]
  /** Record key of the labels; unique among the open targets. */
  readonly key: Buffer
}

/** Numbers of collections, over the life of a target. */
export interface SinkCounts {
  readonly offered: number
  /** Replaced by newer ones before they could be delivered, or given up when the target left. */
  readonly superseded: number
  /** Refused for good by the receiver. */
  readonly refused: number
  /** Waiting or in flight. */
  readonly held: number
}

/** Takes the collections of one target, in order. */
export interface TargetSink {
  readonly counts: SinkCounts
  /** Never blocks. The memory that it keeps is bounded. */
  offer(collected: Collected): void
  /** Resolves when nothing is held, or when this is closed. */
  drain(): Promise<void>
  /** Nothing is offered afterwards. What is held is delivered, or counted as superseded. */
  close(): void
}

/** Where the collections of all targets go. Call `start` once and `stop` once. */
export interface Sink {
  /** Resolves at once: delivery is retried in the background. */
  start(): Promise<void>
  open(target: SinkTarget): TargetSink
  /** Why nothing can be delivered now, in one line; undefined if it can. */
  trouble(): string | undefined
  /** Memory of what is held, bytes. */
  readonly bytes: number
  /** Number of attempts that failed. */
  readonly failures: number
  stop(): Promise<void>
  /** Rejects when nothing will ever be delivered, with an error that names the remedy. */
  readonly failed: Promise<never>
}
