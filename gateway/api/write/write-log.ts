import type { KafkaError } from '../../../shared/kafka/errors.js'
import type { SenderEntry } from '../../../shared/kafka/sender.js'

/** The topic to which requests are appended. */
export interface WriteLog {
  /** Why nothing can be appended, with what to do; undefined if it can. */
  trouble(): Promise<string | undefined>
  /** Log time as the brokers have told it, Unix ms; Infinity before they have. */
  logTime(): number
  /**
   * Asks the brokers for the time, unless they have told it within the last second. A clock that
   * stood still, or a broker whose clock was behind, must not refuse samples for good.
   *
   * @throws KafkaError if they do not answer
   */
  confirmLogTime(): Promise<void>
  /**
   * Appends the records of each entry, in order.
   *
   * @returns the error of each entry, or null when all in-sync replicas have it; never rejects
   */
  append(entries: readonly SenderEntry[]): Promise<readonly (KafkaError | null)[]>
}
