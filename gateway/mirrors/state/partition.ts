import { copied } from '../../../shared/base/copied.js'
import type { WriteRequest } from '../../../shared/metrics/remote-write/request.js'
import type { Made, Origin } from './made.js'
import { type MirrorContext, MirroredTarget } from './mirrored-target.js'
import { FIRST_WAIT_MS } from './options.js'
import { labelsOfKey } from './series-text.js'

export interface MirrorRecord {
  readonly offset: number
  /** Append time, Unix ms. */
  readonly time: number
  readonly key: Buffer | null
  /** The request of one target; undefined if it cannot be read. */
  readonly request: WriteRequest | undefined
}

/** What a target publishes. */
export interface TargetMade {
  readonly target: MirroredTarget
  readonly made: Made
}

/** Undefined: the event loop may be yielded. */
export type MadeSteps = Generator<TargetMade | undefined, void, undefined>

interface Deadline {
  readonly at: number
  readonly target: MirroredTarget
}

/** Deadlines that are added in ascending order. */
class Deadlines {
  #entries: Deadline[] = []
  #first = 0

  add(deadline: Deadline): void {
    this.#entries.push(deadline)
  }

  get next(): number {
    return this.#entries[this.#first]?.at ?? Number.POSITIVE_INFINITY
  }

  take(): MirroredTarget {
    const { target } = this.#entries[this.#first++]
    if (this.#first >= 1024) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
    return target
  }
}

const TARGETS_PER_STEP = 100

/**
 * The mirrors of one partition of the topic of writes. Pure: what it publishes is a function of the
 * records and their append times. Log time is the greatest append time so far; between records the
 * caller carries it on. What is due at a time is published before a record of that time is applied.
 */
export class MirrorPartition {
  readonly #targets = new Map<string, MirroredTarget>()
  /** Targets with scrapes that are not published. */
  readonly #waiting = new Set<MirroredTarget>()
  readonly #assembly = new Deadlines()
  readonly #first = new Deadlines()
  #time = Number.NEGATIVE_INFINITY
  #nextTick = Number.POSITIVE_INFINITY
  /** Offset of the next record. */
  #position = 0

  constructor(
    private readonly context: MirrorContext,
    /** Called when a target is dropped: nothing more is published for it. */
    private readonly onDropped: (target: MirroredTarget) => void = () => {},
  ) {}

  /** Log time, Unix ms; −∞ before the first record. */
  get time(): number {
    return this.#time
  }

  get targets(): Iterable<MirroredTarget> {
    return this.#targets.values()
  }

  /** Number of targets. */
  get size(): number {
    return this.#targets.size
  }

  /** The position from which all that is not made yet would be made again. */
  get origin(): Origin {
    let origin: Origin = { offset: this.#position, time: this.#time }
    for (const { head } of this.#waiting)
      if (head && head.origin.offset < origin.offset) origin = head.origin
    return origin
  }

  *apply(record: MirrorRecord): MadeSteps {
    const { figures } = this.context
    yield* this.advance(record.time)
    this.#position = record.offset + 1
    figures.records++
    const { request } = record
    if (!request) {
      figures.refused.record++
      return
    }
    figures.samples += request.samplesFrom[request.series]
    const target = this.#targetOf(record.key, request)
    if (!target) return
    const { scrapes } = target
    const stepsOf = target.apply(request, { offset: record.offset, time: this.#time })
    for (let step = stepsOf.next(); !step.done; step = stepsOf.next()) yield
    yield* this.#due(target, this.#time)
    if (target.head && target.scrapes !== scrapes) this.#addDeadlines(target)
  }

  /** Log time goes on. What is due until then, inclusive, is made. */
  *advance(time: number): MadeSteps {
    if (!(time > this.#time)) return
    const { intervalMs } = this.context.options
    if (this.#time === Number.NEGATIVE_INFINITY)
      this.#nextTick = (Math.floor(time / intervalMs) + 1) * intervalMs
    for (;;) {
      const at = Math.min(this.#assembly.next, this.#first.next, this.#nextTick)
      if (at > time) break
      this.#time = Math.max(this.#time, at)
      if (this.#assembly.next === at) yield* this.#due(this.#assembly.take(), at)
      else if (this.#first.next === at) yield* this.#due(this.#first.take(), at)
      else yield* this.#tick(at, time)
    }
    this.#time = time
  }

  /** Drops all targets: the partition is another gateway's, or its log was replaced. */
  close(): void {
    for (const target of this.#targets.values()) this.#drop(target)
    this.#targets.clear()
    this.#waiting.clear()
  }

  *#due(target: MirroredTarget, time: number): MadeSteps {
    for (const made of target.due(time)) yield { target, made }
    if (target.head) this.#waiting.add(target)
    else this.#waiting.delete(target)
  }

  #addDeadlines(target: MirroredTarget): void {
    const { assemblyMs } = this.context.options
    this.#assembly.add({ at: this.#time + assemblyMs, target })
    if (target.isFirst) this.#first.add({ at: this.#time + FIRST_WAIT_MS, target })
  }

  /** A multiple of the interval. @param until log time of the next record */
  *#tick(at: number, until: number): MadeSteps {
    const { intervalMs } = this.context.options
    this.#nextTick = at + intervalMs
    if (this.#targets.size === 0) {
      this.#nextTick = (Math.floor(until / intervalMs) + 1) * intervalMs
      return
    }
    const origin = { offset: this.#position, time: at }
    let seen = 0
    for (const [id, target] of this.#targets) {
      const made = target.timed(origin)
      if (made) yield { target, made }
      if (target.isGone(at)) {
        this.#targets.delete(id)
        this.#waiting.delete(target)
        this.#drop(target)
      }
      if (++seen % TARGETS_PER_STEP === 0) yield
    }
  }

  #targetOf(key: Buffer | null, request: WriteRequest): MirroredTarget | undefined {
    const { figures, budget } = this.context
    const id = key?.toString('latin1')
    const known = id === undefined ? undefined : this.#targets.get(id)
    if (known) return known
    const samples = request.samplesFrom[request.series] + request.histogramsFrom[request.series]
    // Metadata makes no target.
    if (samples === 0) return undefined
    const labels = key ? labelsOfKey(key) : undefined
    if (!key || !labels || id === undefined) {
      figures.refused.key += samples
      return undefined
    }
    if (!budget.hasRoom(MirroredTarget.bytes)) {
      figures.refused.memory += samples
      return undefined
    }
    const target = new MirroredTarget(copied(key), labels, this.context, this.#time)
    this.#targets.set(id, target)
    figures.targets++
    return target
  }

  #drop(target: MirroredTarget): void {
    this.context.figures.targets--
    target.drop()
    this.onDropped(target)
  }
}
