import type { StoppableWriteLog } from '../../gateway/server/stores.js'
import type { KafkaError } from '../../shared/kafka/errors.js'
import type { SenderEntry } from '../../shared/kafka/sender.js'
import { WriteReader } from '../../shared/metrics/remote-write/reader.js'
import { type DescribedSeries, described } from './described-writes.js'

/** A log of remote write requests in this process. */
export class LocalWriteLog implements StoppableWriteLog {
  readonly entries: SenderEntry[] = []
  /** Unix ms. */
  time = Number.POSITIVE_INFINITY
  problem: string | undefined
  /** Decides about each entry. */
  judge: (entry: SenderEntry) => KafkaError | null = () => null
  /** Waited for before each append. */
  gate: Promise<void> = Promise.resolve()

  async trouble(): Promise<string | undefined> {
    return this.problem
  }

  logTime(): number {
    return this.time
  }

  /** Called when the time is to be confirmed. */
  confirm: () => Promise<void> = async () => {}

  confirmLogTime(): Promise<void> {
    return this.confirm()
  }

  async append(entries: readonly SenderEntry[]): Promise<readonly (KafkaError | null)[]> {
    await this.gate
    return entries.map(entry => {
      const error = this.judge(entry)
      if (!error) this.entries.push(entry)
      return error
    })
  }

  async stop(): Promise<void> {}

  /** Series by the key of their target; NUL bytes are `|`. */
  series(): Record<string, DescribedSeries[]> {
    const found: Record<string, DescribedSeries[]> = {}
    for (const { key, values } of this.entries) {
      const name = key.toString().replaceAll('\0', '|')
      for (const value of values) {
        found[name] ??= []
        found[name].push(...described(new WriteReader().read(value, '2.0')))
      }
    }
    return found
  }
}
