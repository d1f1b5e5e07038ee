import type { Clock } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import { assign, type Claimant } from '../assigner.js'
import { explain, type KafkaError } from '../errors.js'
import type { Lease } from '../lease.js'
import { Backoff, Wakeup } from '../timing.js'
import type { Cluster } from '../wire/cluster.js'
import type { Link } from '../wire/link.js'
import { heartbeat, type Joined, joinGroup, leaveGroup, requiredMemberId, syncGroup } from './coordinator.js'
import {
  ASSIGNER_NAME,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './protocol.js'

interface MemberEvents {
  /** What this member owns right now, told to the leader when it joins. */
  owned(): readonly number[]
  /** A rebalance has begun, or we were thrown out: nothing is ours until the next assignment. */
  onRebalancing(): void
  onAssignment(partitions: readonly number[], partitionCount: number): void
  onError(error: KafkaError): void
}

export interface MemberOptions {
  readonly cluster: Cluster
  readonly group: string
  readonly topic: string
  readonly address: string
  /** Milliseconds. */
  readonly sessionTimeout: number
  readonly heartbeatInterval: number
  readonly lease: Lease
  readonly clock: Clock
  readonly logger: Logger
  readonly events: MemberEvents
}

const LEAVE_TIMEOUT_MS = 2_000
/** A group's first member, and a coordinator's restart, meet these for a moment: they are news only when they last. */
const ELECTING = ['NOT_COORDINATOR_FOR_GROUP', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'GROUP_LOAD_IN_PROGRESS']
const WORTH_TELLING = 5

/**
 * Membership of a consumer group: joining, heartbeats on a clock of their own whatever the reading does, and leaving.
 *
 * The member id outlives connections and coordinators: joining under a new one would mean waiting for one's own ghost to
 * time out. It is given up only when the coordinator does not know it any more.
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
  #done: Promise<void> = Promise.resolve()

  constructor(options: MemberOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#done = this.#run()
  }

  /** Asks for a new assignment, since something that it depends on has changed. */
  rejoin(): void {
    this.#rejoin = true
    this.#wakeup.wake()
  }

  /** The lease ends first, then the group is told. Takes two seconds at most. */
  async stop(): Promise<void> {
    this.#running = false
    this.#options.lease.drop()
    // Whatever it waits for is not wanted any more; leaving takes a link of its own.
    this.#link?.close()
    this.#wakeup.wake()
    await this.#done
    if (this.#memberId === '') return
    try {
      const { cluster, group } = this.#options
      const link = cluster.dial(await cluster.coordinator(group))
      await leaveGroup(link, group, this.#memberId, LEAVE_TIMEOUT_MS)
    } catch (error) {
      this.#options.logger.warn(
        `could not leave the group, its session has to time out: ${explain(error).message}`,
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
        due = this.#mono() + this.#recover(explain(error, { group, topic }))
      }
      if (this.#running) await this.#wakeup.wait(due - this.#mono())
    }
    this.#link?.close()
  }

  /** @returns when the next one is due, monotonic ms */
  #step(): Promise<number> | number {
    if (!this.#joined) return this.#join()
    return this.#rejoin ? this.#lose() : this.#beat()
  }

  async #join(): Promise<number> {
    const { cluster, group, topic, address, sessionTimeout, lease, clock, events } = this.#options
    this.#rejoin = false
    // Members that know of no topic could only be assigned nothing.
    const partitionCount = (await cluster.metadata(topic)).partitions.length
    const link = await this.#coordinator()
    const subscription = encodeSubscription(topic, {
      address,
      owned: events.owned(),
      confirmedAge: lease.age(clock.now()),
      generation: this.#generation,
      partitionCount,
    })
    // A shorter rebalance timeout would let the coordinator give our partitions away while our lease still runs.
    const timeouts = { sessionTimeout, rebalanceTimeout: sessionTimeout }
    const request = { group, memberId: this.#memberId, ...timeouts, assigner: ASSIGNER_NAME, subscription }
    const joined = await joinGroup(link, request, cluster.requestTimeout)
    this.#memberId = joined.memberId
    this.#generation = joined.generationId

    const assignments =
      joined.leaderId === joined.memberId ? await this.#assignAll(joined) : new Map<string, Buffer>()
    const sent = clock.now()
    const own = await syncGroup(
      link,
      this.#membership(),
      assignments,
      cluster.requestTimeout + sessionTimeout,
    )
    if (!this.#running) return 0
    const assignment = decodeAssignment(own, topic)
    this.#joined = true
    events.onAssignment(assignment.partitions, assignment.partitionCount ?? partitionCount)
    lease.confirm(sent)
    return sent.mono + this.#options.heartbeatInterval
  }

  /** What the leader decides for everybody. */
  async #assignAll(joined: Joined): Promise<Map<string, Buffer>> {
    const { cluster, topic, group, logger } = this.#options
    const partitionCount = (await cluster.metadata(topic)).partitions.length
    const claimants: Claimant[] = []
    for (const { memberId, memberMetadata } of joined.members) {
      const { topics, report } = decodeSubscription(memberMetadata)
      if (topics.length > 0 && !topics.includes(topic)) {
        logger.warn(
          `group ${group} has a member that reads ${topics}, not ${topic}: give it a group of its own`,
          { memberId },
        )
        continue
      }
      const claim = report ?? { address: '', owned: [], confirmedAge: null, generation: -1 }
      claimants.push({ ...claim, memberId })
    }
    const assignment = assign(claimants, partitionCount)
    return new Map(
      joined.members.map(({ memberId }) => [
        memberId,
        encodeAssignment(topic, assignment.get(memberId) ?? [], partitionCount),
      ]),
    )
  }

  async #beat(): Promise<number> {
    const { cluster, sessionTimeout, heartbeatInterval, lease, clock } = this.#options
    const link = await this.#coordinator()
    const sent = clock.now()
    await heartbeat(link, this.#membership(), Math.min(cluster.requestTimeout, sessionTimeout / 3))
    if (this.#running) lease.confirm(sent)
    return sent.mono + heartbeatInterval
  }

  /** Nothing is ours any more; joining comes next. */
  #lose(): number {
    this.#joined = false
    this.#options.lease.drop()
    this.#options.events.onRebalancing()
    return 0
  }

  /** @returns the pause before the next step, milliseconds */
  #recover(error: KafkaError): number {
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
    if (wasJoined) return this.#lose()
    return this.#backoff.next()
  }

  /** The membership stands; the way to the coordinator, or the coordinator itself, does not. */
  #retry(error: KafkaError): number {
    const elects = ELECTING.includes(error.type)
    if (elects || error.connection) {
      this.#link?.close()
      this.#link = null
    }
    if (!elects || this.#backoff.failures >= WORTH_TELLING) this.#options.events.onError(error)
    return this.#backoff.next()
  }

  async #coordinator(): Promise<Link> {
    if (this.#link?.alive) return this.#link
    const { cluster, group } = this.#options
    this.#link = cluster.dial(await cluster.coordinator(group))
    return this.#link
  }

  #membership() {
    return { group: this.#options.group, memberId: this.#memberId, generation: this.#generation }
  }

  #mono(): number {
    return this.#options.clock.now().mono
  }
}
