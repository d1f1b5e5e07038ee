import type { Clock } from '../../base/clock.js'
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
  heartbeat,
  type Joined,
  joinGroup,
  leaveGroup,
  requiredMemberId,
  syncGroup,
} from './coordinator.js'
import { assignAsLeader } from './leader-assignment.js'
import { decodeAssignment, encodeSubscription } from './protocol.js'

interface MemberEvents {
  /** Partitions that this member owns, reported to the leader when it joins. */
  owned(): readonly number[]
  /**
   * A rebalance has begun, or the member was removed. It owns nothing until the next assignment.
   * Joining waits for the returned promise.
   */
  onRebalancing(): void | Promise<void>
  onAssignment(partitions: readonly number[], partitionCount: number): void
  onError(error: KafkaError): void
}

export interface MemberOptions {
  readonly cluster: Cluster
  readonly group: string
  readonly topic: string
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
const COMMIT_INTERVAL_MS = 1_000
/** Consecutive failures after which a missing coordinator is reported. */
const FAILURES_BEFORE_REPORT = 5

/**
 * Membership of a consumer group: joining, heartbeats, commits and leaving. Heartbeats do not
 * depend on the reading of records.
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
   * Ends the lease, then commits pending offsets, then leaves the group. Commit and leave take two
   * seconds each at most, after a rebalance that is in progress.
   */
  async stop(): Promise<void> {
    this.#running = false
    this.#options.lease.drop()
    // Abort the current request; leaving uses its own connection.
    this.#link?.close()
    this.#wakeup.wake()
    await this.#done
    if (this.#memberId === '') return
    try {
      const { cluster, group } = this.#options
      const link = cluster.openLink(await cluster.findCoordinator(group))
      await this.#options.committer?.commitLast(link, this.#membership())
      await leaveGroup(link, group, this.#memberId, LEAVE_TIMEOUT_MS)
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
        due = this.#mono() + (await this.#recover(explain(error, { group, topic })))
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
      await this.#revoke()
      return 0
    } else if (this.#mono() >= this.#heartbeatAt) await this.#sendHeartbeat()
    else if (committer && this.#mono() >= this.#commitAt) await this.#commit(committer)
    return Math.min(this.#heartbeatAt, this.#commitAt)
  }

  async #join(): Promise<void> {
    const { cluster, group, topic, metadata, assigner, sessionTimeout, lease, clock, events } =
      this.#options
    this.#rejoin = false
    // Without metadata of the topic, a member can only be assigned nothing.
    const partitionCount = (await cluster.metadata(topic)).partitions.length
    const link = await this.#coordinator()
    const claim = {
      owned: events.owned(),
      confirmedAge: lease.age(clock.now()),
      generation: this.#generation,
      partitionCount,
    }
    const subscription = encodeSubscription(topic, claim, metadata)
    // With a shorter rebalance timeout the coordinator could reassign our partitions during our
    // lease.
    const timeouts = { sessionTimeout, rebalanceTimeout: sessionTimeout }
    const request = {
      group,
      memberId: this.#memberId,
      ...timeouts,
      assigner: assigner.name,
      subscription,
    }
    const joined = await joinGroup(link, request, cluster.requestTimeout)
    this.#memberId = joined.memberId
    this.#generation = joined.generationId

    const assignments =
      joined.leaderId === joined.memberId
        ? await this.#assignAll(joined)
        : new Map<string, Buffer>()
    const sent = clock.now()
    const own = await syncGroup(
      link,
      this.#membership(),
      assignments,
      cluster.requestTimeout + sessionTimeout,
    )
    this.#heartbeatAt = sent.mono + this.#options.heartbeatInterval
    if (!this.#running) return
    const assignment = decodeAssignment(own, topic)
    this.#joined = true
    events.onAssignment(assignment.partitions, assignment.partitionCount ?? partitionCount)
    lease.renew(sent)
    if (this.#options.committer) this.#commitAt = sent.mono + COMMIT_INTERVAL_MS
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
    this.#heartbeatAt = sent.mono + heartbeatInterval
    if (this.#running) lease.renew(sent)
  }

  async #commit(committer: Committer): Promise<void> {
    const { cluster, sessionTimeout } = this.#options
    this.#commitAt = this.#mono() + COMMIT_INTERVAL_MS
    const timeout = Math.min(cluster.requestTimeout, sessionTimeout / 3)
    await committer.commit(await this.#coordinator(), this.#membership(), timeout)
  }

  /** Ends the lease and the assignment. The next step joins the group. */
  async #revoke(): Promise<void> {
    const { lease, events, committer } = this.#options
    this.#joined = false
    lease.drop()
    const flushed = events.onRebalancing()
    // A removed member has no partitions left, so it cannot commit.
    if (!committer || this.#memberId === '') return
    await flushed
    if (this.#link?.alive) await committer.commitLast(this.#link, this.#membership())
  }

  /** @returns milliseconds until the next step */
  async #recover(error: KafkaError): Promise<number> {
    const wasJoined = this.#joined
    switch (error.type) {
      case 'MEMBER_ID_REQUIRED':
        this.#memberId = requiredMemberId(error) ?? ''
        return 0
      case 'UNKNOWN_MEMBER_ID':
        this.#memberId = ''
        break
      case 'REBALANCE_IN_PROGRESS':
      case 'ILLEGAL_GENERATION':
        break
      default:
        return this.#retry(error)
    }
    if (!wasJoined) return this.#backoff.next()
    await this.#revoke()
    return 0
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
    return { group: this.#options.group, memberId: this.#memberId, generation: this.#generation }
  }

  #mono(): number {
    return this.#options.clock.now().mono
  }
}
