import type { Logger } from '../../shared/base/logger.js'
import type { Changes } from './changes.js'
import type { GroupMap, GroupMember } from './map.js'

/**
 * Interval between requests to the coordinator while the group is not stable, and the time that
 * requests wait for its response.
 */
const RETRY_MS = 200

/**
 * Cache of the group's map: which shard owns which partitions.
 *
 * Each change of ownership makes all members rejoin. A map that was read after this shard's last
 * join is therefore valid until its next one. The map is read on demand, once for all concurrent
 * requests, and discarded at a rebalance.
 */
export class Group {
  #map: GroupMap | undefined
  /** The map before the last change. */
  #last: GroupMap | undefined
  /** Whether the coordinator has just said that a rebalance is in progress, or does not answer. */
  #uncertain = false
  #closed = false
  #reading: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #epoch = 0
  #errorLogged = false
  #loggedAdvice: string | undefined

  constructor(
    private readonly options: {
      readonly read: () => Promise<GroupMap>
      readonly changes: Changes
      readonly logger: Logger
      readonly externalUrl: string | undefined
      /** URL of this shard, as advertised to the group. */
      readonly address: string
    },
  ) {}

  /**
   * The map, if it is known, stable and has one owner for each partition. Otherwise it is
   * requested, and `changes` is notified when it is known.
   */
  map(): GroupMap | undefined {
    if (!this.#map) this.#request()
    return this.#map
  }

  /** The owner, unless it is this shard, which knows its partitions better than the map. */
  ownerOf(partition: number): GroupMember | undefined {
    return this.#otherOwner(this.map(), partition)
  }

  /**
   * The owner before the last change, while there is no current map. `changes` is notified when
   * this is certain: a map that is about to be known is worth waiting for, because the last owner
   * may have ended.
   */
  lastOwnerOf(partition: number): GroupMember | undefined {
    return this.#uncertain ? this.#otherOwner(this.#last, partition) : undefined
  }

  /** Discards the map: a rebalance has begun or ended. */
  forget(): void {
    this.#epoch++
    this.#last = this.#map ?? this.#last
    this.#map = undefined
    this.#uncertain = false
  }

  /** Reads no more. The last map remains. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
  }

  #otherOwner(map: GroupMap | undefined, partition: number): GroupMember | undefined {
    const owner = map?.members.find(member => member.partitions.includes(partition))
    return owner?.address === this.options.address ? undefined : owner
  }

  /** Logs a configuration of the group that cannot work, once until it changes. */
  #logAdvice({ members }: GroupMap): void {
    const { logger, externalUrl } = this.options
    const address = findDuplicate(members.map(member => member.address))
    const advice =
      address !== undefined
        ? `Several shards advertise the address ${address}: set a different --web.advertise-address for each shard`
        : members.length > 1 && externalUrl === undefined
          ? 'The group has several shards, but --web.external-url is not set: each shard lists all targets at its own address, and a Prometheus server that discovers targets at several shards scrapes them several times. Put a load balancer in front of the shards and set its URL as --web.external-url of each shard'
          : undefined
    if (advice !== undefined && advice !== this.#loggedAdvice) logger.warn(advice)
    this.#loggedAdvice = advice
  }

  #request(): void {
    if (this.#reading || this.#retry || this.#closed) return
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined
    })
  }

  async #read(): Promise<void> {
    const slow = setTimeout(() => this.#setUncertain(), RETRY_MS).unref()
    try {
      // A map that was read before a change is read again.
      for (let epoch = -1; epoch !== this.#epoch; ) {
        epoch = this.#epoch
        const map = await this.options.read()
        if (epoch !== this.#epoch || !isComplete(map)) continue
        this.#map = map
        this.#uncertain = false
        this.#errorLogged = false
        this.#logAdvice(map)
        this.options.changes.notify()
        return
      }
    } catch (error) {
      if (!this.#errorLogged && !this.#closed)
        this.options.logger.warn('Cannot read the members of the group', { error })
      this.#errorLogged = true
    } finally {
      clearTimeout(slow)
    }
    this.#setUncertain()
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#uncertain = false
      if (this.options.changes.waiting) this.#request()
    }, RETRY_MS).unref()
  }

  #setUncertain(): void {
    if (this.#uncertain) return
    this.#uncertain = true
    this.options.changes.notify()
  }
}

function findDuplicate(texts: readonly string[]): string | undefined {
  return texts.find((text, i) => texts.indexOf(text) !== i)
}

/** Whether the group is stable and each partition has exactly one owner. */
function isComplete(map: GroupMap): boolean {
  if (!map.stable) return false
  const owned = map.members.flatMap(member => member.partitions)
  return owned.length === map.partitionCount && new Set(owned).size === owned.length
}
