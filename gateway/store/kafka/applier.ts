import type { Clock } from '../../../shared/base/clock.js'
import { Slice } from '../../../shared/base/scheduling.js'
import { runInSlices } from '../../../shared/base/steps.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import type { FetchedRecord, FrozenState, StateMachine } from '../../state/machine.js'
import type { Outcome } from '../../state/types.js'
import type { StoreFigures } from './figures.js'
import type { LogClock } from './log-clock.js'

export interface ApplierEvents {
  /** A record was applied. */
  onApplied(id: Buffer, record: FetchedRecord, outcome: Outcome): void
  /** It goes no further. @param reason one sentence, with what to do */
  onHalt(reason: string): void
}

/** What a record takes in the log besides its value, bytes. */
const RECORD_BYTES = 80
const SLICE_MS = 3
const EMPTY = Buffer.alloc(0)

/** Applies the records of the log to the state machine, in slices. */
export class Applier {
  readonly #slice: Slice
  #halted = false
  #isApplying = false
  #hasFailed = false
  /** To be called when the record that is being applied has been applied. */
  #onApplied: (() => void)[] = []
  /** Bytes of the log that were applied since the start of this state. */
  bytes = 0
  /** When the last record was applied, monotonic ms. */
  lastRecordAt: number

  constructor(
    readonly machine: StateMachine,
    private readonly logClock: LogClock,
    private readonly clock: Clock,
    private readonly figures: StoreFigures,
    private readonly events: ApplierEvents,
  ) {
    this.#slice = new Slice(SLICE_MS, () => clock.now().mono)
    this.lastRecordAt = clock.now().mono
    logClock.observe(machine.time, this.lastRecordAt)
  }

  /** Nothing more is applied. */
  stop(): void {
    this.#halted = true
  }

  /**
   * The state between two records. In the middle of one, the part that is done already would be
   * done a second time after the snapshot is loaded.
   *
   * @throws Error if a record has failed in the middle
   */
  freeze(): Promise<FrozenState> {
    return new Promise((resolve, reject) => {
      const freeze = () => {
        if (this.#hasFailed) reject(new Error('a record of the log could not be applied'))
        else resolve(this.machine.freeze())
      }
      if (this.#isApplying) this.#onApplied.push(freeze)
      else freeze()
    })
  }

  /** Never rejects. */
  async apply(records: readonly LogRecord[]): Promise<void> {
    this.#slice.restart()
    for (const record of records) {
      if (this.#halted) return
      if (record.offset < this.machine.offset) continue
      this.#isApplying = true
      await this.#applyOne(record)
      this.#isApplying = false
      for (const onApplied of this.#onApplied.splice(0)) onApplied()
      if (this.#slice.isOver()) await this.#slice.next()
    }
  }

  async #applyOne({ offset, timestamp, value }: LogRecord): Promise<void> {
    const { machine, figures, events } = this
    if (offset > machine.offset) machine.skipTo(offset)
    const record: FetchedRecord = {
      offset,
      // A record with its producer's time is malformed: its batch was not read.
      time: Number.isFinite(timestamp) ? timestamp : machine.time,
      value: value ?? EMPTY,
    }
    try {
      const applied = await runInSlices(machine.apply(record), this.#slice)
      if (applied.kind === 'newer_version') {
        return this.#halt(
          `record ${offset} of the log has version ${applied.version}, which this program does not know: start a newer version of it`,
        )
      }
      this.bytes += RECORD_BYTES + record.value.length
      this.lastRecordAt = this.clock.now().mono
      this.logClock.observe(machine.time, this.lastRecordAt)
      figures.appliedOffset = offset
      if (applied.kind === 'malformed') {
        figures.recordsMalformed++
        return
      }
      figures.recordsApplied++
      if (applied.repeated) figures.recordsRepeated++
      events.onApplied(applied.id, record, applied.outcome)
    } catch (error) {
      this.#hasFailed = true
      this.#halt(
        `record ${offset} of the log cannot be applied (${(error as Error).message}): report this, and go back to the version before`,
      )
    }
  }

  #halt(reason: string): void {
    this.#halted = true
    this.events.onHalt(reason)
  }
}
