import { Counter, Gauge, Registry } from 'prom-client'
import { counterAt } from './counter.js'
import type { AppOptions } from './options.js'

/** The metrics of one target: a counter that is known for any time, and as many gauges as it takes. */
export class LabTarget {
  readonly register = new Registry()
  #extra: Gauge | undefined
  readonly #alarm: Gauge

  constructor(
    readonly job: string,
    readonly instance: string,
    { counter, began, series }: AppOptions,
  ) {
    const registers = [this.register]
    new Counter({
      name: 'lab_work_total',
      help: 'Work done: known for any moment.',
      registers,
      collect() {
        this.reset()
        this.inc(counterAt(counter, (Date.now() - began) / 1000))
      },
    })
    new Gauge({
      name: 'lab_collected_timestamp_seconds',
      help: 'When this was collected.',
      registers,
      collect() {
        this.set(Date.now() / 1000)
      },
    })
    this.#alarm = new Gauge({ name: 'lab_alarm', help: 'Something to be alerted on.', registers })
    const fill = Math.max(0, series - 3)
    if (fill === 0) return
    let round = 0
    new Gauge({
      name: 'lab_level',
      help: 'Levels that change with each collection.',
      labelNames: ['queue', 'zone'],
      registers,
      collect() {
        round++
        for (let i = 0; i < fill; i++)
          this.set({ queue: `queue-${i}`, zone: `zone-${i % 3}` }, (i * 7 + round) % 1000)
      },
    })
  }

  alarm(): void {
    this.#alarm.set(1)
  }

  /** So many further series, all at once. */
  explode(series: number): void {
    this.#extra ??= new Gauge({
      name: 'lab_exploded',
      help: 'A label with too many values.',
      labelNames: ['user'],
      registers: [this.register],
    })
    for (let i = 0; i < series; i++) this.#extra.set({ user: `user-${i}` }, i)
  }
}
