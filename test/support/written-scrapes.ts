import type { Sender } from '../../shared/kafka/sender.js'
import type { Label } from '../../shared/metrics/model.js'
import { targetKey } from '../../shared/snapshot/key.js'
import type { WrittenSeries } from '../gateway/mirrors/write-request.js'
import { writtenRecord } from './written-record.js'

type Value = number | 'stale'

/** Writes the scrapes of one target to the topic of writes, as a receiver does. */
export class WrittenScrapes {
  readonly #labels: Readonly<Record<string, string>>
  readonly #key: Buffer

  constructor(
    private readonly sender: Sender,
    labels: Readonly<Record<string, string>>,
  ) {
    this.#labels = labels
    this.#key = targetKey(Object.entries(labels).map(([name, value]): Label => ({ name, value })))
  }

  /** @param values by name; a stale `up` is an end @param time Unix ms */
  async scrape(
    time: number,
    values: Readonly<Record<string, Value>>,
    up: Value = 1,
  ): Promise<void> {
    const samples = Object.values(values).filter(value => value !== 'stale').length
    const reports = {
      up,
      scrape_duration_seconds: up === 'stale' ? up : 0.25,
      scrape_samples_post_metric_relabeling: up === 'stale' ? up : samples,
    }
    await this.write([
      ...Object.entries(values).map(([name, value]) => this.#series(name, value, time, 'gauge')),
      ...Object.entries(reports).map(([name, value]) => this.#series(name, value, time)),
    ])
  }

  async write(series: readonly WrittenSeries[]): Promise<void> {
    await this.sender.send(this.#key, [writtenRecord(series)])
  }

  #series(name: string, value: Value, time: number, type?: 'gauge'): WrittenSeries {
    const help = type ? `Help of ${name}.` : ''
    return {
      labels: { __name__: name, ...this.#labels },
      samples: [{ time, value }],
      ...(type && { type, help }),
    }
  }
}
