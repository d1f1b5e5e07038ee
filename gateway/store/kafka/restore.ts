import { asError } from '../../../shared/base/as-error.js'
import type { Logger } from '../../../shared/base/logger.js'
import { KafkaError } from '../../../shared/kafka/errors.js'
import { type LogEnds, logEnds } from '../../../shared/kafka/log/ends.js'
import { type FollowOptions, LogLost, readLog } from '../../../shared/kafka/log/follow.js'
import type { StateMachine } from '../../state/machine.js'
import { emptyState, PushState } from '../../state/push-state.js'
import { recordId } from '../../state/request-codec.js'
import type { StoreFigures } from './figures.js'
import type { FrozenHeader } from './snapshots/chunk.js'
import { gapBetween, markOffset, NOTHING, type RecordMark } from './snapshots/continuity.js'
import type { StoredSnapshot } from './snapshots/snapshot-index.js'
import { NewerVersion, type SnapshotTopic } from './snapshots/snapshot-topic.js'

/** The state with which this gateway goes on. */
export interface Restored {
  readonly machine: StateMachine
  /** End of the log: what is before it was acknowledged before. */
  readonly end: number
  /** Whether the log does not continue the state, which was accepted. */
  readonly hasGap: boolean
}

export interface RestoreOptions {
  /** The topic of the log. */
  readonly log: FollowOptions
  readonly snapshots: SnapshotTopic
  readonly logger: Logger
  readonly figures: StoreFigures
  readonly acceptGap: boolean
  readonly signal: AbortSignal
  onError(error: KafkaError): void
}

/** A try ended without a state. */
export type Obstacle =
  /** Try again at once: the topics have changed meanwhile. */
  | { readonly kind: 'changed' }
  /** Try again later. */
  | { readonly kind: 'outage'; readonly error: KafkaError }
  | { readonly kind: 'gap'; readonly reason: string }
  /** Do not try again. */
  | { readonly kind: 'halt'; readonly reason: string }

/** Finds the newest snapshot that the log continues, and loads it. */
export class Restore {
  /** The gap that was counted last. */
  #gap: string | undefined

  constructor(private readonly options: RestoreOptions) {}

  /** One try. @throws the reason of the signal */
  async attempt(): Promise<Restored | Obstacle> {
    try {
      return await this.#attempt()
    } catch (error) {
      if (this.options.signal.aborted) throw error
      if (error instanceof LogLost) return { kind: 'changed' }
      if (error instanceof KafkaError) return { kind: 'outage', error }
      if (error instanceof NewerVersion) return { kind: 'halt', reason: error.message }
      throw error
    }
  }

  async #attempt(): Promise<Restored | Obstacle> {
    const { snapshots, log, acceptGap } = this.options
    await snapshots.scan()
    const snapshot = snapshots.newest
    const header = snapshot?.header ?? NOTHING
    const ends = await logEnds(log.cluster, log.topic)
    const reason = gapBetween(header, ends, await this.#recordBefore(header, ends))
    if (reason === undefined) {
      this.#gap = undefined
      return this.#load(snapshot, header, ends, false)
    }
    // Other gateways may have written snapshots and removed the log below them meanwhile.
    await snapshots.scan()
    if (snapshots.newest?.id !== snapshot?.id) return { kind: 'changed' }
    this.#count(reason)
    if (!acceptGap) return { kind: 'gap', reason }
    await snapshots.giveUp()
    const next = { offset: ends.begin, time: header.time, last: null }
    return this.#load(snapshot, next, ends, true)
  }

  async #load(
    snapshot: StoredSnapshot | undefined,
    header: FrozenHeader,
    { end }: LogEnds,
    hasGap: boolean,
  ): Promise<Restored | Obstacle> {
    const { snapshots, logger, signal } = this.options
    if (!snapshot) return { machine: new PushState(emptyState(header.offset)), end, hasGap }
    try {
      return { machine: await snapshots.load(snapshot, header), end, hasGap }
    } catch (error) {
      if (signal.aborted || error instanceof LogLost) throw error
      logger.error('A snapshot cannot be loaded: the one before it is used', {
        snapshot: snapshot.id,
        error: asError(error).message,
      })
      snapshots.discard(snapshot)
      return { kind: 'changed' }
    }
  }

  async #recordBefore(header: FrozenHeader, ends: LogEnds): Promise<RecordMark | undefined> {
    const { log, signal, onError } = this.options
    const from = markOffset(header, ends)
    if (from === undefined) return undefined
    let mark: RecordMark | undefined
    await readLog(
      log,
      { from, until: from + 1 },
      ([record]) => {
        // A batch with its producer's time identifies nothing.
        if (!record || !Number.isFinite(record.timestamp)) return
        mark = { time: record.timestamp, id: recordId(record.value ?? Buffer.alloc(0)) }
      },
      { signal, onError },
    )
    return mark
  }

  #count(reason: string): void {
    const { figures, logger, acceptGap } = this.options
    if (reason === this.#gap) return
    this.#gap = reason
    figures.gaps++
    const consequence = acceptGap
      ? 'pushes in between are lost, as --log.accept-gap allows'
      : 'this gateway is not ready'
    logger.error(`The log has a gap: ${consequence}`, { reason })
  }
}
