import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { RepeatedWarnings } from '../../shared/base/repeated-warnings.js'
import type { Label } from '../../shared/metrics/model.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { validateTarget } from '../../shared/snapshot/validate.js'
import { RunningTarget, type TargetOptions } from './running-target.js'
import type { Sink } from './sink.js'

/** Targets that are ended at the same time when they have left. */
const MAX_ENDING = 64
const END_DEADLINE_MS = 5000

/** All targets of the agent. No two have the same labels: one would hide the other. */
export class Targets {
  readonly #targets = new Map<string, RunningTarget>()
  readonly #warnings: RepeatedWarnings
  readonly #ending = new Set<Promise<void>>()
  readonly #waitingToEnd: RunningTarget[] = []
  /** Removed targets of which something may still be delivered. */
  readonly #leaving = new Set<RunningTarget>()
  /** Totals of targets that have left. */
  readonly #left = { collections: 0, failures: 0, offered: 0, superseded: 0, refused: 0, ends: 0 }

  constructor(
    private readonly sink: Sink,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.#warnings = new RepeatedWarnings(logger, clock)
  }

  get all(): Iterable<RunningTarget> {
    return this.#targets.values()
  }

  get size(): number {
    return this.#targets.size
  }

  /** Totals over the life of the agent, and what is held now. */
  totals() {
    const totals = { ...this.#left, held: 0 }
    for (const target of [...this.#targets.values(), ...this.#leaving]) {
      addTo(totals, target)
      totals.held += target.counts.held
    }
    return totals
  }

  /**
   * Starts a target.
   *
   * @returns why it cannot be published, or the target
   */
  add(options: Omit<TargetOptions, 'key'>): RunningTarget | string {
    let key: Buffer
    try {
      validateTarget(options.labels)
      key = targetKey(options.labels)
    } catch (error) {
      return (error as Error).message
    }
    const id = key.toString('latin1')
    if (this.#targets.has(id)) return `another target has the labels ${textOf(options.labels)}`
    const target = new RunningTarget(
      { ...options, key },
      this.sink,
      this.clock,
      (failed, { message }) => {
        const name = textOf(failed.options.labels)
        this.#warnings.warn('collect', `Cannot collect ${name}: ${message}`)
      },
    )
    this.#targets.set(id, target)
    target.start()
    return target
  }

  /** Stops a target without an end of its run, because another one with its labels follows. */
  replace(target: RunningTarget): void {
    this.#remove(target)
    target.stop()
  }

  /** Ends the run of a target that has left, in the background. */
  end(target: RunningTarget): void {
    this.#remove(target)
    this.#left.ends++
    this.#waitingToEnd.push(target)
    this.#endNext()
  }

  /** Ends the runs of targets that end with this program, and stops all others. */
  async stop(deadlineMs: number): Promise<void> {
    const targets = [...this.#targets.values()]
    const ending = targets.filter(({ options }) => options.endsWithProgram)
    for (const target of targets) if (!target.options.endsWithProgram) target.stop()
    // Targets that have left and wait to be ended: no others will end them.
    ending.push(...this.#waitingToEnd.splice(0))
    await Promise.all([...ending.map(target => target.end(deadlineMs)), ...this.#ending])
    this.#targets.clear()
  }

  #remove(target: RunningTarget): void {
    const id = target.options.key.toString('latin1')
    if (this.#targets.get(id) === target) this.#targets.delete(id)
    this.#leaving.add(target)
    for (const one of this.#leaving) {
      if (!one.isStopped || one.counts.held > 0) continue
      this.#leaving.delete(one)
      addTo(this.#left, one)
    }
  }

  #endNext(): void {
    if (this.#ending.size >= MAX_ENDING) return
    const target = this.#waitingToEnd.shift()
    if (!target) return
    const ending = target
      .end(END_DEADLINE_MS)
      .catch(error => this.logger.error('Failed to end a target', { error }))
      .finally(() => {
        this.#ending.delete(ending)
        this.#endNext()
      })
    this.#ending.add(ending)
  }
}

interface Totals {
  collections: number
  failures: number
  offered: number
  superseded: number
  refused: number
}

function addTo(totals: Totals, { collections, failures, counts }: RunningTarget): void {
  totals.collections += collections
  totals.failures += failures
  totals.offered += counts.offered
  totals.superseded += counts.superseded
  totals.refused += counts.refused
}

const textOf = (labels: readonly Label[]) =>
  `{${labels.map(({ name, value }) => `${name}=${JSON.stringify(value)}`).join(', ')}}`
