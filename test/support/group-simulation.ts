import { stickyAssigner } from '../../shared/kafka/assigner.js'
import { assignAsLeader } from '../../shared/kafka/group/leader-assignment.js'
import {
  type Assignment,
  decodeAssignment,
  encodeSubscription,
} from '../../shared/kafka/group/protocol.js'

const TOPIC = 't'

/** What the process of a member knows. */
interface Process {
  memberId: string
  /** Partitions that it claims. It serves them only while it has a lease. */
  owned: number[]
  leased: boolean
  leaving: boolean
  released: number[]
}

/** A static member as the coordinator knows it. */
interface Entry {
  memberId: string
  subscription: Buffer
  assignment: Buffer | null
  /** Undefined after the process was killed. */
  process: Process | undefined
}

/**
 * A group of static members without Kafka: the coordinator, and what members do by its answers.
 * Time is not simulated. A lease that has lapsed is an event: by the rules of `Lease` it lapses
 * before the coordinator removes the member, and before a round ends that it does not join.
 */
export class GroupSimulation {
  /** Entries by instance id. */
  readonly #entries = new Map<number, Entry>()
  #ids = 0
  #instances = 0
  readonly violations: string[] = []
  /** Metadata of the previous owner, by partition, as told in the last round. */
  previous = new Map<number, string>()
  /** Whether the last round left partitions for a following one. */
  pending = false
  /** Whether the last round took partitions from members. */
  moving = false

  constructor(readonly partitionCount: number) {}

  get instances(): number[] {
    return [...this.#entries.keys()]
  }

  /** Partitions that are served, by instance id. */
  get served(): Map<number, number[]> {
    const served = new Map<number, number[]>()
    for (const [instance, { process }] of this.#entries)
      if (process?.leased) served.set(instance, process.owned)
    return served
  }

  start(): number {
    const instance = ++this.#instances
    this.#entries.set(instance, this.#newEntry(this.#newProcess()))
    return instance
  }

  /** The process ends without leaving the group. */
  kill(instance: number): void {
    this.#entries.get(instance)!.process = undefined
  }

  /**
   * A new process takes the place of a killed one.
   *
   * @param isStable whether no rebalance is in progress: it gets the assignment of its predecessor
   */
  restart(instance: number, isStable: boolean): void {
    const entry = this.#entries.get(instance)!
    if (entry.process) return
    const process = this.#newProcess()
    const { assignment } = entry
    Object.assign(entry, this.#newEntry(process), { assignment })
    if (isStable && assignment) this.#apply(process, decodeAssignment(assignment, TOPIC))
  }

  /** The coordinator removes a member that it has not heard for the session timeout. */
  expire(instance: number): void {
    const entry = this.#entries.get(instance)!
    if (!entry.process) this.#entries.delete(instance)
    else {
      // It joins again as a new member.
      entry.process.leased = false
      Object.assign(entry, this.#newEntry(entry.process))
    }
  }

  /** Announces a planned stop. The member leaves after a round in which it claimed nothing. */
  stop(instance: number): void {
    const { process } = this.#entries.get(instance)!
    if (process) process.leaving = true
  }

  /**
   * One rebalance.
   *
   * @param absent instances that do not join in time
   * @param deaf instances that do not get their assignment
   */
  round(absent: ReadonlySet<number> = new Set(), deaf: ReadonlySet<number> = new Set()): void {
    const entries = [...this.#entries]
    const ready = entries.filter(([, { process }]) => process?.leaving && !process.owned.length)
    for (const [instance, entry] of entries) {
      const { process } = entry
      if (!process) continue
      if (absent.has(instance)) process.leased = false
      else entry.subscription = this.#subscription(process)
    }
    const members = entries.map(([, { memberId, subscription }]) => ({
      memberId,
      memberMetadata: subscription,
    }))
    const { assignments } = assignAsLeader(members, {
      topic: TOPIC,
      partitionCount: this.partitionCount,
      assigner: stickyAssigner,
    })
    this.previous = new Map()
    this.pending = false
    this.moving = false
    // The worst order: those who get something learn of it before those who lose it.
    const owns = ([, { process }]: [number, Entry]) => process?.owned.length ?? 0
    for (const [instance, entry] of [...entries].sort((a, b) => owns(a) - owns(b))) {
      entry.assignment = assignments.get(entry.memberId)!
      const assignment = decodeAssignment(entry.assignment, TOPIC)
      this.pending ||= assignment.pending.length > 0
      for (const [partition, metadata] of assignment.previous)
        this.previous.set(partition, Buffer.from(metadata).toString())
      if (entry.process && !absent.has(instance) && !deaf.has(instance))
        this.#apply(entry.process, assignment)
    }
    for (const [instance] of ready) this.#entries.delete(instance)
  }

  #apply(process: Process, assignment: Assignment): void {
    const isOwn = assignment.memberId === process.memberId
    const pending = isOwn ? assignment.pending : []
    const lost = process.owned.filter(p => !assignment.partitions.includes(p))
    const given = process.leased ? [...process.released, ...lost] : process.released
    process.released = given.filter(p => pending.includes(p))
    if (lost.length > 0) this.moving = true
    process.owned = [...assignment.partitions]
    process.leased = true
    this.#check()
  }

  #check(): void {
    const owners = new Map<number, number>()
    for (const [instance, partitions] of this.served) {
      for (const partition of partitions) {
        const other = owners.get(partition)
        if (other !== undefined) this.violations.push(`${partition}: ${other} and ${instance}`)
        owners.set(partition, instance)
      }
    }
  }

  #newProcess(): Process {
    return { memberId: '', owned: [], leased: false, leaving: false, released: [] }
  }

  #newEntry(process: Process): Entry {
    process.memberId = `m${++this.#ids}`
    const subscription = this.#subscription(process)
    return { memberId: process.memberId, subscription, assignment: null, process }
  }

  #subscription(process: Process): Buffer {
    const { owned, leased, leaving, released } = process
    const claim = {
      owned,
      leased,
      leaving,
      released: leased ? released : [],
      confirmedAge: leased ? 10 : 30_000,
      generation: 1,
      partitionCount: this.partitionCount,
    }
    return encodeSubscription(TOPIC, claim, Buffer.from(process.memberId))
  }
}
