import type { Clock, Instant } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import type { Assigner } from '../assigner.js'
import { explain, type KafkaError } from '../errors.js'
import type { Lease } from '../lease.js'
import { Backoff, Wakeup } from '../timing.js'
import type { Cluster } from '../wire/cluster.js'
import type { Link } from '../wire/link.js'
import type { Committer } from './committer.js'
import {
  COORDINATOR_UNAVAILABLE,
  DUPLICATE_INSTANCE,
  heartbeat,
  type Joined,
  type JoinRequest,
  joinGroup,
  leaveGroup,
  requiredMemberId,
  syncGroup,
} from './coordinator.js'
import { assignAsLeader } from './leader-assignment.js'
import { type Assignment, decodeAssignment, encodeSubscription } from './protocol.js'

/** An assignment as the events report it. */
export interface MemberAssignment {
  readonly partitions: readonly number[]
  readonly partitionCount: number
  /** Metadata of the members that gave up assigned partitions in the round before. */
  readonly previous: ReadonlyMap<number, Uint8Array>
  /**
   * Whether the member has held its claimed partitions without interruption. Otherwise others may
   * have owned them meanwhile.
   */
  readonly unbroken: boolean
}

interface MemberEvents {
  /** Partitions that this member owns, reported to the leader when it joins. */
  owned(): readonly number[]
  /** A rebalance has begun, or the member was removed. */
  onRebalancing(): void
  /** The member gives up these partitions when the returned promise settles. */
  onRevoking(partitions: readonly number[]): void | Promise<void>
  onAssignment(assignment: MemberAssignment): void
  /** Another process uses the instance id of this member, which has ended. */
  onDuplicate(error: KafkaError): void
  onError(error: KafkaError): void
}

export interface MemberOptions {
  readonly cluster: Cluster
  readonly group: string
  readonly topic: string
  /** `group.instance.id` of a static member; null for a dynamic one. */
  readonly instanceId: string | null
  readonly metadata: Uint8Array
  readonly assigner: Assigner
  /** Milliseconds. */
  readonly sessionTimeout: number
  readonly heartbeatInterval: number
  /** Commits once a second, at each rebalance and at the end; null if nothing is committed. */
  readonly committer: Committer | null
  readonly lease: Lease
  readonly clock: Clock
  readonly logger: Logger
  readonly events: MemberEvents
}

const LEAVE_TIMEOUT_MS = 2_000
/**
 * Maximum duration of `stop`: lookup of the coordinator, last commit and LeaveGroup. The second one
 * if `release` was in vain, because then the brokers may not answer at all.
 */
const STOP_TIMEOUT_MS = 5_000
const VAIN_STOP_TIMEOUT_MS = 2_500
/**
 * Heartbeat interval, and for how long it is used, after a round that another one follows: all
 * members join that one at once.
 */
const FOLLOWED_HEARTBEAT_MS = 100
const FOLLOWED_MS = 5_000
const COMMIT_INTERVAL_MS = 1_000
/** Consecutive failures after which a missing coordinator is reported. */
const FAILURES_BEFORE_REPORT = 5

/**
 * Membership of a consumer group: joining, heartbeats, commits and leaving. Heartbeats do not
 * depend on the reading of records.
 *
 * Rebalances are cooperative. The member keeps its partitions through a rebalance and claims them
 * when it joins. What the leader does not assign to it any more it gives up, and joins again: the
 * partition is assigned to another member in that round.
 *
 * The member id is kept when connections or coordinators change: under a new id, the group would
 * wait until the session of the old one times out. It is dropped only when the coordinator no
 * longer knows it.
 */
export class Member {
  readonly #options: MemberOptions
  readonly #wakeup = new Wakeup()
  readonly #backoff = new Backoff(100, 2_000)
  #link: Link | null = null
  #memberId = ''
  #generation = -1
  #joined = false
  #rejoin = false
  #running = false
  #leaving = false
  #releasedInVain = false
  /** Partitions given up that have no owner yet. */
  #released: readonly number[] = []
  /** Ends the wait of `release`. */
  readonly #gaveUp = new Wakeup()
  /** Whether the last assignment left partitions for the following round. */
  #isPending = false
  /** Monotonic ms until which the following round is awaited. */
  #followedUntil = Number.NEGATIVE_INFINITY
  /** Monotonic ms. */
  #heartbeatAt = 0
  #commitAt = Number.POSITIVE_INFINITY
  #done: Promise<void> = Promise.resolve()

  constructor(options: MemberOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#done = this.#run()
  }

  /** Requests a new assignment because its basis, such as the number of partitions, has changed. */
  rejoin(): void {
    this.#rejoin = true
    this.#wakeup.wake()
  }

  /**
   * Gives up all partitions while still a member, so that the others take them over without a gap:
   * the member joins with the announcement that it leaves, is assigned nothing, and joins again
   * without a claim.
   *
   * Resolves when the partitions have their next owners, when the brokers fail, or after `patience`
   * milliseconds. Call `stop` afterwards.
   */
  async release(patience: number): Promise<void> {
    const { events } = this.#options
    if (!this.#running || this.#memberId === '' || events.owned().length === 0) return
    this.#leaving = true
    this.rejoin()
    await this.#gaveUp.wait(patience)
    this.#releasedInVain = events.owned().length > 0
  }

  /**
   * Ends the lease, then commits pending offsets, then leaves the group. Resolves after some
   * seconds at most.
   */
  async stop(): Promise<void> {
    this.#running = false
    this.#options.lease.drop()
    this.#gaveUp.wake()
    // Abort the current request; leaving uses its own connection.
    this.#link?.close()
    this.#wakeup.wake()
    const left = new Wakeup()
    this.#leave().then(() => left.wake())
    await left.wait(this.#releasedInVain ? VAIN_STOP_TIMEOUT_MS : STOP_TIMEOUT_MS)
  }

  async #leave(): Promise<void> {
    await this.#done
    if (this.#memberId === '') return
    try {
      const { cluster, group } = this.#options
      const link = cluster.openLink(await cluster.findCoordinator(group))
      await this.#options.committer?.commitLast(link, this.#membership())
      await leaveGroup(link, this.#membership(), LEAVE_TIMEOUT_MS)
    } catch (error) {
      this.#options.logger.warn(
        `could not leave the group, the other members wait for the session timeout: ${explain(error).message}`,
      )
    }
  }

  async #run(): Promise<void> {
    while (this.#running) {
      let due: number
      try {
        due = await this.#step()
        this.#backoff.reset()
      } catch (error) {
        if (!this.#running) break
        const { group, topic } = this.#options
        const explained = explain(error, { group, topic })
        // Waiting for the brokers would delay the stop.
        if (this.#leaving && explained.isConnectionError) this.#gaveUp.wake()
        due = this.#mono() + (await this.#recover(explained))
      }
      if (this.#running) await this.#wakeup.wait(due - this.#mono())
    }
    this.#link?.close()
  }

  /** @returns when the next step is due, monotonic ms */
  async #step(): Promise<number> {
    const { committer } = this.#options
    if (!this.#joined) await this.#join()
    else if (this.#rejoin) {
      await this.#beginRebalance()
      return 0
    } else if (this.#mono() >= this.#heartbeatAt) await this.#sendHeartbeat()
    else if (committer && this.#mono() >= this.#commitAt) await this.#commit(committer)
    return Math.min(this.#heartbeatAt, this.#commitAt)
  }

  async #join(): Promise<void> {
    const { cluster, topic, lease, clock, events } = this.#options
    this.#rejoin = false
    // Without metadata of the topic, a member can only be assigned nothing.
    const partitionCount = (await cluster.metadata(topic)).partitions.length
    const link = await this.#coordinator()
    const sent = clock.now()
    const leased = lease.until(sent) > sent.mono
    // What is claimed without a lease may be assigned to others: it must not become valid again.
    if (!leased) {
      lease.drop()
      this.#released = []
    }
    const claimed = events.owned()
    const joined = await joinGroup(
      link,
      this.#joinRequest(claimed, leased, partitionCount),
      cluster.requestTimeout,
    )
    this.#memberId = joined.memberId
    this.#generation = joined.generationId
    if (leased && this.#running) lease.renew(sent)

    const assignments =
      joined.leaderId === joined.memberId
        ? await this.#assignAll(joined)
        : new Map<string, Buffer>()
    const synced = clock.now()
    const own = await syncGroup(
      link,
      this.#membership(),
      assignments,
      cluster.requestTimeout + this.#options.sessionTimeout,
    )
    if (!this.#running) return
    await this.#apply(decodeAssignment(own, topic), { claimed, leased, synced, partitionCount })
  }

  #joinRequest(owned: readonly number[], leased: boolean, partitionCount: number): JoinRequest {
    const { group, topic, instanceId, metadata, assigner, sessionTimeout, lease, clock } =
      this.#options
    const claim = {
      owned,
      leased,
      leaving: this.#leaving,
      released: this.#released,
      confirmedAge: lease.age(clock.now()),
      generation: this.#generation,
      partitionCount,
    }
    return {
      group,
      memberId: this.#memberId,
      instanceId,
      sessionTimeout,
      // With a shorter rebalance timeout the coordinator could remove us during our lease.
      rebalanceTimeout: sessionTimeout,
      assigner: assigner.name,
      subscription: encodeSubscription(topic, claim, metadata),
    }
  }

  /** Gives up what is not assigned any more, then begins with the assignment. */
  async #apply(
    assignment: Assignment,
    join: {
      readonly claimed: readonly number[]
      readonly leased: boolean
      /** When SyncGroup was sent. */
      readonly synced: Instant
      readonly partitionCount: number
    },
  ): Promise<void> {
    const { events, lease, committer, heartbeatInterval } = this.#options
    const { claimed, leased, synced } = join
    // A static member that returns gets the assignment of its former process: the round that it
    // belongs to has ended.
    const current = assignment.memberId === this.#memberId
    const pending = current ? assignment.pending : []
    const lost = claimed.filter(partition => !assignment.partitions.includes(partition))
    if (lost.length > 0 && leased) {
      lease.renew(synced)
      await events.onRevoking(lost)
      if (committer && this.#link?.alive) await committer.commitLast(this.#link, this.#membership())
      if (!this.#running) return
    }
    events.onAssignment({
      partitions: assignment.partitions,
      partitionCount: assignment.partitionCount ?? join.partitionCount,
      previous: current ? assignment.previous : new Map(),
      unbroken: leased,
    })
    lease.renew(synced)
    this.#joined = true
    const released = leased ? [...this.#released, ...lost] : this.#released
    this.#released = released.filter(partition => pending.includes(partition))
    // The following round assigns what was given up. A member that returns begins it in the place
    // of its former process, which may have been the one to do so, or was about to leave.
    const isOfFormer = assignment.memberId !== null && !current
    const isBehind = assignment.pending.length > 0 || assignment.partitions.length === 0
    if ((isOfFormer && isBehind) || lost.some(p => this.#released.includes(p))) this.#rejoin = true
    if (this.#leaving && !this.#rejoin) this.#gaveUp.wake()
    const isFollowed = current && assignment.following
    this.#isPending = pending.length > 0
    this.#followedUntil = isFollowed ? synced.mono + FOLLOWED_MS : Number.NEGATIVE_INFINITY
    this.#heartbeatAt = synced.mono + this.#heartbeatDelay(heartbeatInterval)
    if (committer) this.#commitAt = synced.mono + COMMIT_INTERVAL_MS
  }

  /** Computes the assignments of all members. */
  async #assignAll(joined: Joined): Promise<Map<string, Buffer>> {
    const { cluster, topic, group, assigner, logger } = this.#options
    const partitionCount = (await cluster.metadata(topic)).partitions.length
    const { assignments, foreignMembers } = assignAsLeader(joined.members, {
      topic,
      partitionCount,
      assigner,
    })
    for (const { memberId, topics } of foreignMembers) {
      const message = `consumer group ${group} has a member that reads ${topics} instead of ${topic}: use another group for that program`
      logger.warn(message, { memberId })
    }
    return assignments
  }

  async #sendHeartbeat(): Promise<void> {
    const { cluster, sessionTimeout, heartbeatInterval, lease, clock } = this.#options
    const link = await this.#coordinator()
    const sent = clock.now()
    await heartbeat(link, this.#membership(), Math.min(cluster.requestTimeout, sessionTimeout / 3))
    this.#heartbeatAt = sent.mono + this.#heartbeatDelay(heartbeatInterval)
    if (this.#running) lease.renew(sent)
    // The member that was to begin the following round has not done so.
    if (this.#isPending && this.#mono() >= this.#followedUntil) {
      this.#isPending = false
      this.#rejoin = true
      this.#heartbeatAt = this.#mono()
    }
  }

  #heartbeatDelay(interval: number): number {
    return this.#mono() < this.#followedUntil ? Math.min(FOLLOWED_HEARTBEAT_MS, interval) : interval
  }

  async #commit(committer: Committer): Promise<void> {
    const { cluster, sessionTimeout, instanceId } = this.#options
    this.#commitAt = this.#mono() + COMMIT_INTERVAL_MS
    const timeout = Math.min(cluster.requestTimeout, sessionTimeout / 3)
    try {
      await committer.commit(await this.#coordinator(), this.#membership(), timeout)
    } catch (error) {
      if (instanceId === null || explain(error).type !== 'UNKNOWN_MEMBER_ID') throw error
      // A commit carries no instance id. A heartbeat tells whether the member was removed, or
      // whether another process has taken its place.
      this.#heartbeatAt = this.#mono()
    }
  }

  /** The partitions are kept. The next step joins the group. */
  async #beginRebalance(): Promise<void> {
    const { events, committer } = this.#options
    this.#joined = false
    events.onRebalancing()
    if (committer && this.#memberId !== '' && this.#link?.alive)
      await committer.commitLast(this.#link, this.#membership())
  }

  /** @returns milliseconds until the next step */
  async #recover(error: KafkaError): Promise<number> {
    const wasJoined = this.#joined
    switch (error.type) {
      case 'MEMBER_ID_REQUIRED':
        this.#memberId = requiredMemberId(error) ?? ''
        return 0
      case DUPLICATE_INSTANCE:
        this.#end(error)
        return 0
      case 'UNKNOWN_MEMBER_ID':
        // The group has removed this member: its partitions may have other owners.
        this.#options.lease.drop()
        this.#memberId = ''
        break
      case 'REBALANCE_IN_PROGRESS':
      case 'ILLEGAL_GENERATION':
        break
      default:
        return this.#retry(error)
    }
    if (!wasJoined) return this.#backoff.next()
    await this.#beginRebalance()
    return 0
  }

  /** Ends the membership, which another process with the same instance id has taken over. */
  #end(error: KafkaError): void {
    const { lease, events } = this.#options
    lease.drop()
    this.#running = false
    this.#memberId = ''
    this.#gaveUp.wake()
    events.onDuplicate(error)
  }

  /** Handles errors of the coordinator and its connection. The membership is kept. */
  #retry(error: KafkaError): number {
    const isElecting = COORDINATOR_UNAVAILABLE.includes(error.type)
    if (isElecting || error.isConnectionError) {
      this.#link?.close()
      this.#link = null
    }
    if (!isElecting || this.#backoff.failures >= FAILURES_BEFORE_REPORT)
      this.#options.events.onError(error)
    return this.#backoff.next()
  }

  async #coordinator(): Promise<Link> {
    if (this.#link?.alive) return this.#link
    const { cluster, group } = this.#options
    this.#link = cluster.openLink(await cluster.findCoordinator(group))
    return this.#link
  }

  #membership() {
    const { group, instanceId } = this.#options
    return { group, memberId: this.#memberId, instanceId, generation: this.#generation }
  }

  #mono(): number {
    return this.#options.clock.now().mono
  }
}
