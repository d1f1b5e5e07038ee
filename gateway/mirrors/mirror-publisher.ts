import { EMPTY_SAMPLE } from '../../shared/publish/empty-sample.js'
import {
  type OrderedOutbox,
  type OrderedTarget,
  OutboxClosed,
} from '../../shared/publish/ordered-outbox.js'
import type { Publication } from '../../shared/publish/publication.js'
import { failureOf, snapshotOf } from '../../shared/publish/publications.js'
import { RELAYED_RUNS } from '../../shared/snapshot/relayed.js'
import { MirrorSampler } from './mirror-sampler.js'
import type { PublishingFigures } from './publishing-figures.js'
import type { MemoryBudget } from './state/budget.js'
import type { Made, Origin } from './state/made.js'
import type { MirroredTarget } from './state/mirrored-target.js'
import { Unacknowledged } from './unacknowledged.js'

interface Place {
  readonly target: OrderedTarget
  readonly sampler: MirrorSampler
  /** Memory of the sampler that is accounted, bytes. */
  bytes: number
  dropped: number
  /** Settles with the last publication. */
  last: Promise<unknown>
}

/** Publishes what the mirrors of one partition make, in order. */
export class MirrorPublisher {
  readonly #places = new Map<MirroredTarget, Place>()
  readonly #unacknowledged = new Unacknowledged()

  constructor(
    private readonly outbox: OrderedOutbox,
    private readonly budget: MemoryBudget,
    private readonly figures: PublishingFigures,
  ) {}

  /**
   * Resolves when the outbox has room.
   *
   * @throws OutboxClosed, or another error if it cannot be published: it is counted
   */
  async publish(target: MirroredTarget, made: Made): Promise<void> {
    const settle = this.#unacknowledged.add(made.origin)
    try {
      await this.#offer(target, made, settle)
    } catch (error) {
      if (!(error instanceof OutboxClosed)) {
        this.figures.refused++
        settle()
      }
      throw error
    }
  }

  async #offer(target: MirroredTarget, made: Made, settle: () => void): Promise<void> {
    const place = this.#placeOf(target)
    if (made.kind === 'snapshot' && !place.sampler.isPrepared(made.layout)) {
      await place.sampler.prepare(made.layout)
      this.#account(place)
    }
    const { acknowledged } = await place.target.offer(publicationOf(target, made, place.sampler))
    place.last = acknowledged.then(settle, (error: Error & { refusal?: boolean }) => {
      // A closed target is another gateway's: it publishes what is not acknowledged.
      if (!error.refusal) return
      this.figures.refused++
      settle()
    })
  }

  /** The lower of an origin and those of what is not acknowledged. */
  lowest(origin: Origin): Origin {
    return this.#unacknowledged.lowest(origin)
  }

  /** Resolves when the brokers have acknowledged everything. */
  settled(): Promise<void> {
    return this.#unacknowledged.settled()
  }

  /** The target is gone. What was published of it is still sent. */
  drop(target: MirroredTarget): void {
    const place = this.#places.get(target)
    if (!place) return
    this.#places.delete(target)
    this.#release(place)
    place.last.then(() => place.target.close())
  }

  /** Sends nothing more. */
  close(): void {
    for (const place of this.#places.values()) {
      this.#release(place)
      place.target.close()
    }
    this.#places.clear()
  }

  #placeOf(target: MirroredTarget): Place {
    let place = this.#places.get(target)
    if (!place) {
      const sampler = new MirrorSampler()
      const last = Promise.resolve()
      place = { target: this.outbox.target(target.key), sampler, bytes: 0, dropped: 0, last }
      this.#places.set(target, place)
    }
    return place
  }

  #account(place: Place): void {
    const { bytes, dropped } = place.sampler
    this.budget.change(bytes - place.bytes)
    this.figures.droppedSeries += dropped - place.dropped
    place.bytes = bytes
    place.dropped = dropped
  }

  #release(place: Place): void {
    this.budget.change(-place.bytes)
    this.figures.droppedSeries -= place.dropped
  }
}

function publicationOf(
  { labels }: MirroredTarget,
  made: Made,
  sampler: MirrorSampler,
): Publication {
  const { collectedAt, intervalMs, collectSeconds } = made
  const run = { target: labels, incarnation: RELAYED_RUNS.mirror, intervalMs }
  const collection = { sequence: collectedAt, collectedAt, collectSeconds }
  switch (made.kind) {
    case 'snapshot':
      return snapshotOf(run, collection, sampler.sample(made), false)
    case 'failure':
      return failureOf(run, collection, made.reason)
    case 'end':
      return snapshotOf(run, collection, EMPTY_SAMPLE, true)
  }
}
