import { Slice } from '../../shared/base/scheduling.js'
import { EMPTY_SAMPLE } from '../../shared/publish/empty-sample.js'
import type { OrderedOutbox, OrderedTarget } from '../../shared/publish/ordered-outbox.js'
import type { Publication } from '../../shared/publish/publication.js'
import { snapshotOf } from '../../shared/publish/publications.js'
import type { Sample } from '../../shared/publish/sample.js'
import { RELAYED_RUNS } from '../../shared/snapshot/relayed.js'
import type { StateMachine } from '../state/machine.js'
import type { HeldGroup } from '../state/view.js'
import { Due, EndDue } from './due.js'
import type { PublisherFigures } from './figures.js'
import { GroupSampler } from './group-sampler.js'
import { type GroupTarget, targetOf } from './group-target.js'

/** Log time between two looks for new and removed push groups, ms. */
const LOOK_MS = 1_000

interface Published {
  readonly target: GroupTarget
  readonly place: OrderedTarget
  readonly sampler: GroupSampler
  readonly due: Due
  group: HeldGroup
}

interface Ended {
  readonly target: GroupTarget
  readonly place: OrderedTarget
  readonly due: EndDue
  readonly removedAt: number
}

/** The push groups that this gateway publishes, and the ends of those that were removed. */
export class PublishedGroups {
  /** By the id of the target. */
  readonly #published = new Map<string, Published>()
  readonly #ended = new Map<string, Ended>()
  #looked = Number.NEGATIVE_INFINITY

  constructor(
    private readonly outbox: OrderedOutbox,
    private readonly intervalMs: number,
    private readonly figures: PublisherFigures,
  ) {}

  /** Looks for push groups that are new or were removed, a second of log time after the last look. */
  async look(machine: StateMachine, time: number): Promise<void> {
    if (time - this.#looked < LOOK_MS) return
    this.#looked = time
    const slice = new Slice()
    const seen = new Map<string, { target: GroupTarget; group: HeldGroup }>()
    let unpublishable = 0
    for (const group of machine.view(time).groups()) {
      if (slice.isOver()) await slice.next()
      const target = targetOf(group.labels)
      if (!target || seen.has(target.id)) unpublishable++
      else seen.set(target.id, { target, group })
    }
    for (const [key, { place }] of this.#published) {
      if (seen.has(key)) continue
      place.close()
      this.#published.delete(key)
    }
    await this.#lookForEnds(machine, seen, slice)
    for (const [key, { target, group }] of seen) {
      if (slice.isOver()) await slice.next()
      const known = this.#published.get(key)
      if (known) known.group = group
      else this.#begin(target, group, time)
    }
    this.figures.targets = this.#published.size
    this.figures.unpublishable = unpublishable
    this.figures.droppedSeries = 0
    for (const { sampler } of this.#published.values())
      this.figures.droppedSeries += sampler.dropped
  }

  /**
   * What is due at this log time. Each result offers one publication, and resolves when the outbox
   * has room for it.
   */
  *due(machine: StateMachine, time: number): Generator<() => Promise<void>> {
    for (const published of this.#published.values()) {
      if (time >= published.due.next) yield () => this.#publish(machine, published, time)
    }
    for (const ended of this.#ended.values()) {
      const collectedAt = ended.due.take(time)
      if (collectedAt !== undefined) yield () => this.#end(ended, collectedAt)
    }
  }

  close(): void {
    for (const { place } of this.#published.values()) place.close()
    for (const { place } of this.#ended.values()) place.close()
    this.#published.clear()
    this.#ended.clear()
  }

  #begin(target: GroupTarget, group: HeldGroup, time: number): void {
    this.#published.set(target.id, {
      target,
      place: this.outbox.target(target.key),
      sampler: new GroupSampler(target.labels),
      due: new Due(target.key, this.intervalMs, {
        time,
        changedAt: Math.max(group.pushedAt, group.failedAt),
      }),
      group,
    })
  }

  async #lookForEnds(
    machine: StateMachine,
    alive: ReadonlyMap<string, unknown>,
    slice: Slice,
  ): Promise<void> {
    const kept = new Set<string>()
    for (const { labels, removedAt } of machine.tombstones()) {
      if (slice.isOver()) await slice.next()
      const target = targetOf(labels)
      if (!target || alive.has(target.id)) continue
      kept.add(target.id)
      const known = this.#ended.get(target.id)
      if (known?.removedAt === removedAt) continue
      known?.place.close()
      this.#ended.set(target.id, {
        target,
        place: this.outbox.target(target.key),
        due: new EndDue(target.key, this.intervalMs, removedAt),
        removedAt,
      })
    }
    for (const [key, { place }] of this.#ended) {
      if (kept.has(key)) continue
      place.close()
      this.#ended.delete(key)
    }
  }

  async #publish(machine: StateMachine, published: Published, time: number): Promise<void> {
    const { target, place, sampler, due } = published
    // The newest state, which may have removed the push group since it was looked for.
    const group = machine.view(time).group(published.group.labels)
    const taken = due.take(time)
    if (!taken || !group) return
    this.figures.skipped += taken.skipped
    const sample = await sampler.sample(group)
    await this.#offer(place, this.#publication(target, taken.collectedAt, sample, false))
    this.figures.snapshots++
  }

  async #end({ target, place }: Ended, collectedAt: number): Promise<void> {
    // The values of a removed push group are gone.
    await this.#offer(place, this.#publication(target, collectedAt, EMPTY_SAMPLE, true))
    this.figures.ends++
  }

  #publication(
    target: GroupTarget,
    collectedAt: number,
    sample: Sample,
    end: boolean,
  ): Publication {
    const header = {
      target: target.labels,
      incarnation: RELAYED_RUNS.push,
      intervalMs: this.intervalMs,
    }
    return snapshotOf(
      header,
      { sequence: collectedAt, collectedAt, collectSeconds: 0 },
      sample,
      end,
    )
  }

  async #offer(place: OrderedTarget, publication: Publication): Promise<void> {
    const { acknowledged } = await place.offer(publication)
    acknowledged.catch(error => {
      if (error.refusal) this.figures.refused++
    })
  }
}
