import { type Clock, systemClock } from '../shared/clock.js'
import { createSender, type Sender } from '../shared/kafka/sender.js'
import { encodeSnapshot } from '../shared/snapshot/write.js'
import { Conflater } from './conflater.js'
import { exemplarsWithin } from './exemplar-of.js'
import type { Settings } from './options.js'
import { PublisherStats, registerStats } from './own-metrics.js'
import { RECORD_BYTES, recordBytes, type Sample, Sampler } from './sampler.js'
import { Schedule } from './schedule.js'
import { type Collected, collect } from './source.js'

/** A snapshot as it waits: encoded only when it is sent, because it says how many before it were superseded. */
interface Pending {
  readonly sample: Sample
  readonly sequence: number
  readonly collectedAt: number
  readonly collectSeconds: number
  readonly end: boolean
}

const SEND_TIMEOUT_MS = 5000
const BACKOFF_MS = { first: 100, most: 1000 }
/** What the exposer tells of the same trouble is worth a line now and then, not one a second. */
const WARN_EVERY_MS = 60_000

/**
 * Publishes an app's metrics. Whatever happens to the brokers, the app notices nothing: no call of this throws later than
 * its construction, nothing is queued, and what could not be sent is counted.
 */
export class Publisher {
  readonly #settings: Settings
  readonly #clock: Clock
  readonly #sender: Sender
  readonly #schedule: Schedule
  readonly #sampler = new Sampler()
  readonly #conflater = new Conflater<Pending>()
  readonly #stats = new PublisherStats()
  readonly #incarnation: number
  #own: ReturnType<typeof registerStats> | null = null
  #sequence = 0
  #collectedAt = 0
  #timer: NodeJS.Timeout | null = null
  #sampling: Promise<void> | null = null
  #sending: Promise<void> | null = null
  #wake: (() => void) | null = null
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new'
  #warnedAt = Number.NEGATIVE_INFINITY
  #failing = false

  constructor(settings: Settings, clock: Clock = systemClock) {
    this.#settings = settings
    this.#clock = clock
    this.#incarnation = clock.now().wall
    this.#schedule = new Schedule(settings.key, settings.intervalMs)
    const { kafka, topic, logger } = settings
    this.#sender = createSender({ kafka, topic, logger: quieted(logger), sendTimeout: SEND_TIMEOUT_MS })
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
    this.#tick(false)
    this.#next()
  }

  /**
   * Takes the final values and says goodbye with them, so that the target leaves without an alert. Never rejects.
   *
   * @param deadlineMs after which it gives up what the brokers have not taken
   */
  async stop(deadlineMs = 3000): Promise<void> {
    if (this.#state === 'stopped') return
    const begun = this.#state !== 'new'
    this.#state = 'stopping'
    if (this.#timer) clearTimeout(this.#timer)
    if (begun) await within(deadlineMs, this.#goodbye())
    this.#state = 'stopped'
    this.#wake?.()
    this.#own?.leave()
    await within(500, this.#sender.disconnect())
  }

  async #goodbye(): Promise<void> {
    await this.#sampling
    await this.#sample(true)
    while (this.#conflater.held > 0 && this.#state !== 'stopped') await this.#send()
  }

  #next(previous?: number): void {
    const { wall } = this.#clock.now()
    const tick = this.#schedule.after(wall, previous)
    this.#timer = setTimeout(
      () => {
        if (this.#state !== 'running') return
        this.#tick(false)
        this.#next(tick)
      },
      this.#schedule.wait(tick, wall),
    )
    // Publishing alone is no reason for an app to live.
    this.#timer.unref()
  }

  #tick(end: boolean): void {
    // A collection that takes longer than the interval is waited for, not joined by a second one.
    if (this.#sampling) return
    this.#sampling = this.#sample(end).finally(() => {
      this.#sampling = null
    })
  }

  async #sample(end: boolean): Promise<void> {
    const before = this.#clock.now()
    try {
      const { metrics, errors } = await this.#collect()
      if (errors.length > 0) this.#collectFailed(errors[0])
      const after = this.#clock.now()
      const layouts = this.#sampler.layouts
      const sample = await this.#sampler.sample(metrics)
      if (this.#sampler.layouts !== layouts) this.#tellDropped()
      this.#collectedAt = Math.max(this.#collectedAt + 1, Math.round(after.wall))
      this.#conflater.offer({
        sample,
        sequence: this.#sequence++,
        collectedAt: this.#collectedAt,
        collectSeconds: (after.mono - before.mono) / 1000,
        end,
      })
      this.#account()
      if (!end) void this.#send()
    } catch (error) {
      this.#collectFailed(error as Error)
    }
  }

  async #collect(): Promise<Collected> {
    const { register, intervalMs } = this.#settings
    const [{ metrics, errors }, loose] = await Promise.all([
      orTimeOut(collect(register), intervalMs),
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
      const before = this.#clock.now()
      try {
        const records = this.#encode(pending)
        this.#account(records)
        await this.#sender.send(this.#settings.key, records)
        this.#conflater.acknowledge()
        this.#acknowledged(before.mono)
        backoff = BACKOFF_MS.first
      } catch (error) {
        this.#conflater.fail()
        this.#sendFailed(error as Error)
        // Half of it at random, so that a fleet does not come back all at once.
        await this.#pause(backoff * (0.5 + Math.random() / 2))
        backoff = Math.min(backoff * 2, BACKOFF_MS.most)
      }
      this.#account()
    }
  }

  #encode({ sample, sequence, collectedAt, collectSeconds, end }: Pending): Buffer[] {
    const { target, intervalMs } = this.#settings
    const { parts, values, exemplars } = sample
    return parts.map(({ layout, from, to }, part) =>
      encodeSnapshot(
        {
          target,
          incarnation: this.#incarnation,
          sequence,
          superseded: this.#conflater.superseded,
          collectedAt,
          intervalMs,
          collectSeconds,
          part,
          parts: parts.length,
          end,
          layoutId: layout.id,
        },
        {
          layoutCompressed: layout.compressed,
          values: values.subarray(from, to),
          exemplars: exemplarsWithin(
            exemplars,
            { from, to },
            RECORD_BYTES - recordBytes({ layout, from, to }),
          ),
        },
      ),
    )
  }

  #account(records: readonly Buffer[] = []): void {
    const { offered, superseded, waiting, flying } = this.#conflater
    const stats = this.#stats
    stats.snapshots = offered
    stats.superseded = superseded
    stats.bufferedBytes =
      (waiting?.sample.values.byteLength ?? 0) +
      (flying?.sample.values.byteLength ?? 0) +
      records.reduce((sum, record) => sum + record.length, 0)
  }

  #acknowledged(since: number): void {
    const now = this.#clock.now()
    this.#stats.lastAck = now.wall / 1000
    this.#stats.sendDurations.observe((now.mono - since) / 1000)
    if (!this.#failing) return
    this.#failing = false
    this.#settings.logger.info('publishing again', { superseded: this.#conflater.superseded })
  }

  #sendFailed(error: Error): void {
    this.#stats.sendErrors++
    this.#failing = true
    this.#warn(`cannot publish metrics: ${error.message}`)
  }

  #collectFailed(error: Error): void {
    this.#stats.collectErrors++
    this.#warn(`cannot collect all metrics: ${error.message}`)
  }

  #tellDropped(): void {
    const { dropped } = this.#sampler
    this.#stats.seriesDropped = dropped.size
    for (const [name, why] of [...dropped].slice(0, 10)) {
      this.#settings.logger.warn(`metric ${JSON.stringify(name)} is not published in full: ${why}`)
    }
  }

  #warn(message: string): void {
    const { mono } = this.#clock.now()
    if (mono - this.#warnedAt < WARN_EVERY_MS) return
    this.#warnedAt = mono
    this.#settings.logger.warn(message)
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

/** The client's own lines are about connections; the publisher says itself what an app's owner should know. */
function quieted(logger: Settings['logger']): Settings['logger'] {
  const debug = (message: string, fields?: Record<string, unknown>) => logger.debug(message, fields)
  return { debug, info: debug, warn: debug, error: debug }
}

/** Waits that long at most, and holds the process meanwhile: `stop` is the app's last word. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>(resolve => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work.catch(() => {}), timeout])
  clearTimeout(timer)
}

async function orTimeOut<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the registry did not answer within ${ms} ms`)), ms)
    timer.unref()
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
