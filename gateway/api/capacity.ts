import type { PushRequest } from '../state/types.js'
import type { HeldGroup } from '../state/view.js'
import type { PushStore } from '../store/store.js'
import { type PushSize, sizeOf, sizeOfHeld } from './push-size.js'
import { RefusedPush } from './refused-push.js'

export interface CapacityLimits {
  /** Samples of one push. */
  readonly samples: number
  /** Samples of all push groups and ingested series. */
  readonly totalSamples: number
  /** Memory of what is held, bytes. */
  readonly memory: number
  /** Size of a record, bytes. */
  readonly record: number
}

/** Long enough that a full gateway spends little on clients that try again. */
const FULL_RETRY_S = '30'

/**
 * Judges whether there is room for a request, before it is submitted. A push that replaces at least
 * as much as it brings has room always, so that the groups of a full gateway stay up to date.
 */
export class Capacity {
  constructor(
    private readonly limits: CapacityLimits,
    private readonly store: Pick<PushStore, 'held' | 'read'>,
  ) {}

  /**
   * @throws RefusedPush 413 if the push is too large, 429 if too much is held
   * @throws StoreUnavailable
   */
  async admit(request: PushRequest): Promise<void> {
    const size = sizeOf(request.families)
    this.#checkOwn(size)
    if (this.#fits(size.samples, size.held)) return
    const replaced = sizeOfHeld(await this.#replaced(request))
    if (size.samples <= replaced.samples && size.held <= replaced.held) return
    this.#refuse(Math.max(0, size.samples - replaced.samples))
  }

  #checkOwn({ samples, record }: PushSize): void {
    const { limits } = this
    if (samples > limits.samples)
      throw new RefusedPush(
        413,
        'limit',
        `the push has ${samples} samples, over the limit of ${limits.samples}; push less, or raise --limit.samples`,
      )
    if (record > limits.record)
      throw new RefusedPush(
        413,
        'limit',
        `the push needs ${record} bytes, over the limit of ${limits.record} of one request; split it`,
      )
  }

  #fits(samples: number, bytes: number): boolean {
    const held = this.store.held()
    return (
      held.samples + samples <= this.limits.totalSamples && held.bytes + bytes <= this.limits.memory
    )
  }

  async #replaced({ method, labels, families }: PushRequest) {
    if (method === 'ingest') return []
    const view = await this.store.read()
    const group: HeldGroup | undefined = view.group(labels)
    if (!group) return []
    if (method === 'put') return group.families.values()
    return families.flatMap(({ name }) => group.families.get(name) ?? [])
  }

  #refuse(samples: number): never {
    const { limits } = this
    const tooMany = this.store.held().samples + samples > limits.totalSamples
    const why = tooMany
      ? `${limits.totalSamples} samples are held, the limit of all push groups; delete push groups, or raise --limit.total-samples`
      : `the memory limit of ${limits.memory} bytes is reached; delete push groups, or raise --memory.limit`
    throw new RefusedPush(429, tooMany ? 'total_samples' : 'memory', `${why}. Nothing was stored`, {
      'Retry-After': FULL_RETRY_S,
    })
  }
}
