import type { Logger } from '../../shared/base/logger.js'
import type { Changes } from './changes.js'
import type { GroupMap, GroupMember } from './map.js'

/** Milliseconds between two questions to the coordinator while its answer is of no use yet. */
const RETRY_AFTER = 200

/**
 * Who owns what, as the coordinator last told us.
 *
 * Every change of ownership makes every member rejoin, so what was read after our own last join stays true until the next:
 * the map is read on demand, once for all who ask, and forgotten at a rebalance.
 */
export class Group {
  #map: GroupMap | undefined
  #reading: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #epoch = 0
  #complained = false
  #advised: string | undefined

  constructor(
    private readonly options: {
      readonly read: () => Promise<GroupMap>
      readonly changes: Changes
      readonly logger: Logger
      readonly externalUrl: string | undefined
    },
  ) {}

  /** The map, once it is stable and names one owner for each partition. Reading it, if need be, ends in a change. */
  map(): GroupMap | undefined {
    if (!this.#map) this.#want()
    return this.#map
  }

  ownerOf(partition: number): GroupMember | undefined {
    return this.map()?.members.find(member => member.partitions.includes(partition))
  }

  /** A rebalance has begun or ended: nothing that was read before holds. */
  forget(): void {
    this.#epoch++
    this.#map = undefined
  }

  close(): void {
    this.forget()
    clearTimeout(this.#retry)
  }

  /** What is set up in a way that cannot work, said once for each way. */
  #advise({ members }: GroupMap): void {
    const { logger, externalUrl } = this.options
    const address = twice(members.map(member => member.address))
    const advice =
      address !== undefined
        ? `Several shards say that they are reached at ${address}: give each its own --web.advertise-address`
        : members.length > 1 && externalUrl === undefined
          ? 'There are several shards but no --web.external-url: targets are listed at whichever shard is asked, and appear twice when Prometheus asks several. Put one address in front of all, and tell it to each shard'
          : undefined
    if (advice !== undefined && advice !== this.#advised) logger.warn(advice)
    this.#advised = advice
  }

  #want(): void {
    if (this.#reading || this.#retry) return
    this.#reading = this.#read(this.#epoch).finally(() => {
      this.#reading = undefined
    })
  }

  async #read(epoch: number): Promise<void> {
    try {
      const map = await this.options.read()
      if (epoch === this.#epoch && isWhole(map)) {
        this.#map = map
        this.#complained = false
        this.#advise(map)
        this.options.changes.notify()
        return
      }
    } catch (error) {
      if (!this.#complained) this.options.logger.warn('The map of the group cannot be read', { error })
      this.#complained = true
    }
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      if (this.options.changes.waiting) this.#want()
    }, RETRY_AFTER).unref()
  }
}

function twice(texts: readonly string[]): string | undefined {
  return texts.find((text, i) => texts.indexOf(text) !== i)
}

/** Whether every partition has exactly one owner. */
function isWhole(map: GroupMap): boolean {
  if (!map.stable) return false
  const owned = map.members.flatMap(member => member.partitions)
  return owned.length === map.partitionCount && new Set(owned).size === owned.length
}
