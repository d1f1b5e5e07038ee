import { type Clock, systemClock } from '../shared/base/clock.js'
import { orTimeOut, within } from '../shared/base/deadline.js'
import { createSender, type Sender } from '../shared/kafka/sender.js'
import { Conflater } from '../shared/publish/conflater.js'
import { encode, type Pending, type Run } from '../shared/publish/encode.js'
import { Report } from '../shared/publish/report.js'
import type { Sample } from '../shared/publish/sample.js'
import { Schedule } from '../shared/publish/schedule.js'
import type { Settings } from './options.js'
import { PublisherStats, registerStats } from './own-metrics.js'
import { Sampler } from './sampler.js'
import { type Collected, collect } from './source.js'

const SEND_TIMEOUT_MS = 5000
const BACKOFF_MS = { first: 100, most: 1000 }

/**
 * Publishes an app's metrics. Whatever happens to the brokers, the app notices nothing: no call of this throws later than
 * its construction, nothing is queued, and what could not be sent is counted.
 */
export class Publisher {
  readonly #settings: Settings
  readonly #clock: Clock
  readonly #run: Run
  readonly #report: Report
  readonly #sender: Sender
  readonly #schedule: Schedule
  readonly #sampler = new Sampler()
  readonly #conflater = new Conflater<Pending>()
  readonly #stats = new PublisherStats()
  #own: ReturnType<typeof registerStats> | null = null
  #sequence = 0
  #collectedAt = 0
  #last: Sample | null = null
  #flyingBytes = 0
  #timer: NodeJS.Timeout | null = null
  #collecting: Promise<Collected> | null = null
  #sampling: Promise<void> | null = null
  #sending: Promise<void> | null = null
  #stopping: Promise<void> | null = null
  #wake: (() => void) | null = null
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new'

  constructor(settings: Settings, clock: Clock = systemClock) {
    const { kafka, topic, logger, target, key, intervalMs } = settings
    this.#settings = settings
    this.#clock = clock
    this.#run = { target, intervalMs, incarnation: Math.round(clock.now().wall) }
    this.#report = new Report(logger)
    this.#schedule = new Schedule(key, intervalMs)
    this.#sender = createSender({
      kafka,
      topic,
      logger: this.#report.client,
      sendTimeout: SEND_TIMEOUT_MS,
      background: true,
    })
  }

  /**
   * Begins to publish. Resolves at once, also when no broker can be reached: it goes on trying, and the first snapshot is taken
   * now, so that a short-lived app is seen too.
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') return
    this.#state = 'running'
    const { register, target } = this.#settings
    this.#own = registerStats(register, target.map(label => label.value).join('/'), this.#stats)
    this.#tick()
    this.#next()
  }

  /**
   * Takes the final values and says goodbye with them, so that the target leaves without an alert. Never rejects. Called again it
   * is the same stop.
   *
   * @param deadlineMs after which it gives up what the brokers have not taken
   */
  stop(deadlineMs = 3000): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs)
    return this.#stopping
  }

  async #stop(deadlineMs: number): Promise<void> {
    const begun = this.#state === 'running'
    this.#state = 'stopping'
    if (this.#timer) clearTimeout(this.#timer)
    if (begun && !(await within(deadlineMs, this.#goodbye(deadlineMs / 4))))
      this.#report.noGoodbye(deadlineMs)
    this.#state = 'stopped'
    this.#wake?.()
    this.#own?.leave()
    await within(500, this.#sender.disconnect())
  }

  /** @param patience milliseconds that a collection may take, of those there are to say goodbye */
  async #goodbye(patience: number): Promise<void> {
    await within(patience, this.#sampling ?? Promise.resolve())
    await this.#sample(Math.min(patience, this.#settings.intervalMs), true)
    this.#wake?.()
    while (this.#conflater.held > 0 && this.#state !== 'stopped') await this.#send()
  }

  #next(previous?: number): void {
    const { wall } = this.#clock.now()
    const tick = this.#schedule.after(wall, previous)
    this.#timer = setTimeout(
      () => {
        if (this.#state !== 'running') return
        this.#tick()
        this.#next(tick)
      },
      this.#schedule.wait(tick, wall),
    )
    // Publishing alone is no reason for an app to live.
    this.#timer.unref()
  }

  #tick(): void {
    // A collection that takes longer than the interval is waited for, not joined by a second one.
    if (this.#sampling) return
    this.#sampling = this.#sample(this.#settings.intervalMs, false).finally(() => {
      this.#sampling = null
    })
  }

  async #sample(timeoutMs: number, end: boolean): Promise<void> {
    const before = this.#clock.now()
    let sample: Sample | null = null
    let after = before
    try {
      const { metrics, errors } = await this.#collect(timeoutMs)
      after = this.#clock.now()
      if (errors.length > 0) this.#collectFailed(errors[0])
      // The final one has taken this one's place.
      if (!end && this.#state !== 'running') return
      const layouts = this.#sampler.layouts
      sample = await this.#sampler.sample(metrics)
      if (this.#sampler.layouts !== layouts) this.#tellDropped()
    } catch (error) {
      this.#collectFailed(error as Error)
      after = this.#clock.now()
      // A goodbye with the values of before is better than an alert.
      if (end) sample = this.#last
    }
    if (sample) this.#offer(sample, after.wall, (after.mono - before.mono) / 1000, end)
  }

  #offer(sample: Sample, wall: number, collectSeconds: number, end: boolean): void {
    this.#last = sample
    this.#collectedAt = Math.max(this.#collectedAt + 1, Math.round(wall))
    const collectedAt = this.#collectedAt
    this.#conflater.offer({ sample, sequence: this.#sequence++, collectedAt, collectSeconds, end })
    this.#account()
    void this.#send()
  }

  async #collect(timeoutMs: number): Promise<Collected> {
    // One that hangs is waited for again, not joined by others: they would gather for as long as it does.
    this.#collecting ??= collect(this.#settings.register).finally(() => {
      this.#collecting = null
    })
    const late = `the registry did not answer within ${timeoutMs} ms: does a metric's collect function hang?`
    const [{ metrics, errors }, loose] = await Promise.all([
      orTimeOut(this.#collecting, timeoutMs, late),
      this.#own?.loose() ?? [],
    ])
    return { metrics: loose.length ? [...metrics, ...loose] : metrics, errors }
  }

  /** Sends what waits, and what comes to wait meanwhile. One loop at a time. */
  #send(): Promise<void> {
    this.#sending ??= this.#loop().finally(() => {
      this.#sending = null
    })
    return this.#sending
  }

  async #loop(): Promise<void> {
    let backoff = BACKOFF_MS.first
    for (;;) {
      const pending = this.#state === 'stopped' ? null : this.#conflater.take()
      if (!pending) return
      const error = await this.#attempt(pending)
      if (!error) {
        backoff = BACKOFF_MS.first
        continue
      }
      // Whoever stopped it has been told.
      if (this.#isStopped()) return
      this.#stats.sendErrors++
      this.#report.sendFailed(error, this.#clock.now().mono)
      // Half of it at random, so that a fleet does not come back all at once.
      await this.#pause(backoff * (0.5 + Math.random() / 2))
      backoff = Math.min(backoff * 2, BACKOFF_MS.most)
    }
  }

  async #attempt(pending: Pending): Promise<Error | null> {
    const before = this.#clock.now()
    try {
      const records = encode(this.#run, pending, this.#conflater.superseded)
      this.#flyingBytes = records.reduce((sum, record) => sum + record.length, 0)
      this.#account()
      await this.#sender.send(this.#settings.key, records)
    } catch (error) {
      this.#conflater.fail()
      this.#landed()
      return error as Error
    }
    this.#conflater.acknowledge()
    this.#landed()
    const now = this.#clock.now()
    this.#stats.lastAck = now.wall / 1000
    this.#stats.sendDurations.observe((now.mono - before.mono) / 1000)
    this.#report.sent(this.#conflater.superseded)
    return null
  }

  #landed(): void {
    this.#flyingBytes = 0
    this.#account()
  }

  #isStopped(): boolean {
    return this.#state === 'stopped'
  }

  #account(): void {
    const { offered, superseded, waiting, flying } = this.#conflater
    const stats = this.#stats
    stats.snapshots = offered
    stats.superseded = superseded
    stats.bufferedBytes =
      (waiting?.sample.values.byteLength ?? 0) + (flying?.sample.values.byteLength ?? 0) + this.#flyingBytes
  }

  #collectFailed(error: Error): void {
    this.#stats.collectErrors++
    this.#report.collectFailed(error, this.#clock.now().mono)
  }

  #tellDropped(): void {
    const { dropped } = this.#sampler
    this.#stats.metricsDropped = dropped.size
    this.#report.dropped(dropped)
  }

  /** Milliseconds, or until `stop`. */
  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms)
      timer.unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
