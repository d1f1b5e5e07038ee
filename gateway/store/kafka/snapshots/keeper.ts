import { asError } from '../../../../shared/base/as-error.js'
import type { Logger } from '../../../../shared/base/logger.js'
import { logEnds } from '../../../../shared/kafka/log/ends.js'
import type { FollowOptions } from '../../../../shared/kafka/log/follow.js'
import { Wakeup } from '../../../../shared/kafka/timing.js'
import type { Applier } from '../applier.js'
import type { StoreFigures } from '../figures.js'
import type { KafkaStoreSettings } from '../options.js'
import { isDue } from './schedule.js'
import { NewerVersion, type SnapshotTopic } from './snapshot-topic.js'

export interface KeeperOptions {
  /** The topic of the log. */
  readonly log: FollowOptions
  readonly topic: SnapshotTopic
  readonly applier: Applier
  /** Whether the state was accepted in spite of a gap: it is written at once. */
  readonly hasGap: boolean
  readonly settings: KafkaStoreSettings
  readonly figures: StoreFigures
  readonly logger: Logger
  /** Log time, Unix ms. */
  readonly time: () => number
  /** A snapshot has a version that this program does not know. */
  readonly onHalt: (reason: string) => void
}

/** Writes a snapshot whenever one is due, and looks at those of others. */
export class SnapshotKeeper {
  readonly #wakeup = new Wakeup()
  readonly #stopped = new Wakeup()
  #running = false
  #loop: Promise<void> = Promise.resolve()
  /** The newest snapshot that was seen, and the bytes that had been applied at its offset. */
  #base: { id: string | undefined; offset: number; time: number; size: number; bytes: number }

  constructor(private readonly options: KeeperOptions) {
    const { machine, bytes } = options.applier
    this.#base = { id: undefined, offset: machine.offset, time: machine.time, size: 0, bytes }
  }

  start(): void {
    this.#running = true
    // Without a snapshot, its age counts from now.
    this.#base = { ...this.#base, time: this.options.time() }
    this.#rebase()
    this.#loop = this.#run()
  }

  /** Ends the loop. A snapshot that is being written is completed, or fails. */
  async stop(): Promise<void> {
    this.#running = false
    this.#wakeup.wake()
    this.#stopped.wake()
    await this.#loop
  }

  /** Records were applied. */
  onApplied(): void {
    if (this.#isDue()) this.#wakeup.wake()
  }

  /** Writes a snapshot unless there is one of this offset or a later one. Never rejects. */
  async writeNow(): Promise<void> {
    const { applier, topic, log, figures, logger } = this.options
    try {
      await topic.scan()
      if (applier.machine.offset > (topic.newest?.header.offset ?? 0))
        await topic.write(await applier.freeze(), log.topic)
    } catch (error) {
      figures.snapshotsFailed++
      logger.warn(`The snapshot was not written: ${asError(error).message}`)
    }
    this.#rebase()
  }

  async #run(): Promise<void> {
    const { settings, logger, onHalt } = this.options
    while (this.#running) {
      try {
        if (await this.#isNeeded()) {
          const { snapshotsFailed } = this.options.figures
          await this.writeNow()
          // Not at once again.
          if (this.options.figures.snapshotsFailed > snapshotsFailed)
            await this.#stopped.wait(settings.upkeepInterval)
        }
      } catch (error) {
        if (error instanceof NewerVersion) return onHalt(error.message)
        logger.debug(`cannot look at the snapshots: ${asError(error).message}`)
      }
      if (this.#running) await this.#wakeup.wait(settings.upkeepInterval)
    }
  }

  /** Waits before it says yes, unless it is urgent: another gateway may write one meanwhile. */
  async #isNeeded(): Promise<boolean> {
    const { topic, log, hasGap, settings } = this.options
    await topic.scan()
    this.#rebase()
    const { begin } = await logEnds(log.cluster, log.topic)
    const { newest } = topic
    if (begin > (newest?.header.offset ?? 0) || (hasGap && !newest)) return this.#running
    if (!this.#isDue()) return false
    await this.#stopped.wait(Math.random() * settings.snapshotSpread)
    await topic.scan()
    this.#rebase()
    return this.#running && this.#isDue()
  }

  #isDue(): boolean {
    const { applier, settings, time } = this.options
    const { offset, bytes, size } = this.#base
    return isDue(
      {
        bytes: applier.bytes - bytes,
        age: time() - this.#base.time,
        records: applier.machine.offset - offset,
        size,
      },
      { minBytes: settings.snapshotBytes, maxAge: settings.snapshotAge },
    )
  }

  /** Counts from the newest snapshot. Records are taken as equally large. */
  #rebase(): void {
    const { applier, topic } = this.options
    const { newest } = topic
    if (!newest || newest.id === this.#base.id) return
    const { offset, time } = newest.header
    const applied = applier.machine.offset
    const before = applied - this.#base.offset
    const share = before > 0 ? Math.min(1, Math.max(0, applied - offset) / before) : 0
    const since = (applier.bytes - this.#base.bytes) * share
    this.#base = { id: newest.id, offset, time, size: newest.bytes, bytes: applier.bytes - since }
  }
}
