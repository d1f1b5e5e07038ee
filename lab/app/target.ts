import { Counter, Gauge, Registry } from 'prom-client'
import { counterAt } from './counter.js'
import type { AppOptions } from './options.js'

/** Series besides those of `lab_level`. */
const OTHER_SERIES = 3

/** The registry of one target: a counter whose true value is known at any time, and gauges. */
export class LabTarget {
  readonly register = new Registry()
  readonly #alert: Gauge
  #highCardinality: Gauge | undefined

  constructor(
    readonly job: string,
    readonly instance: string,
    { counter, startMs, series }: AppOptions,
  ) {
    const registers = [this.register]
    new Counter({
      name: 'lab_work_total',
      help: 'Total number of work items processed. The value is a function of time.',
      registers,
      collect() {
        this.reset()
        this.inc(counterAt(counter, (Date.now() - startMs) / 1000))
      },
    })
    new Gauge({
      name: 'lab_collected_timestamp_seconds',
      help: 'Unix time of the collection.',
      registers,
      collect() {
        this.set(Date.now() / 1000)
      },
    })
    this.#alert = new Gauge({
      name: 'lab_alert',
      help: 'Whether the alert condition is met.',
      registers,
    })
    const gauges = Math.max(0, series - OTHER_SERIES)
    if (gauges === 0) return
    let collections = 0
    new Gauge({
      name: 'lab_level',
      help: 'Current queue length. Changes with each collection.',
      labelNames: ['queue', 'zone'],
      registers,
      collect() {
        collections++
        for (let i = 0; i < gauges; i++)
          this.set({ queue: `queue-${i}`, zone: `zone-${i % 3}` }, (i * 7 + collections) % 1000)
      },
    })
  }

  setAlert(): void {
    this.#alert.set(1)
  }

  /** Adds series of a label with unbounded cardinality. */
  addSeries(count: number): void {
    this.#highCardinality ??= new Gauge({
      name: 'lab_exploded',
      help: 'Gauge with a high-cardinality label.',
      labelNames: ['user'],
      registers: [this.register],
    })
    for (let i = 0; i < count; i++) this.#highCardinality.set({ user: `user-${i}` }, i)
  }
}
