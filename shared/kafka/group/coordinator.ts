import type { Link } from '../wire/link.js'

/** Transient errors while a group gets its first member or a coordinator restarts. */
export const COORDINATOR_UNAVAILABLE: readonly string[] = [
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
]
/** Errors of a member that is not, or no longer, part of the current generation. */
export const FENCED: readonly string[] = [
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
]

/**
 * Error of a static member whose instance id is used by another process, which joined later.
 * https://cwiki.apache.org/confluence/display/KAFKA/KIP-345
 */
export const DUPLICATE_INSTANCE = 'FENCED_INSTANCE_ID'

/** Versions that carry an instance id (Kafka 2.4; all but LeaveGroup 2.3). */
const STATIC = {
  join: { version: 5 },
  sync: { version: 3 },
  heartbeat: { version: 3 },
  leave: { version: 3 },
} as const

/** JoinGroup response of the classic consumer group protocol. */
export interface Joined {
  readonly generationId: number
  readonly leaderId: string
  readonly memberId: string
  /** Subscriptions of all members; only the leader receives them. */
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer | null }[]
}

export interface JoinRequest {
  readonly group: string
  /** Empty until the coordinator has assigned one. */
  readonly memberId: string
  /** `group.instance.id` of a static member; null for a dynamic one. */
  readonly instanceId: string | null
  /** Milliseconds. */
  readonly sessionTimeout: number
  readonly rebalanceTimeout: number
  readonly assigner: string
  readonly subscription: Buffer
}

/**
 * The response arrives when all members have joined, within the rebalance timeout.
 *
 * @throws KafkaError
 */
export function joinGroup(link: Link, request: JoinRequest, timeout: number): Promise<Joined> {
  const { group, memberId, instanceId, sessionTimeout, rebalanceTimeout, assigner, subscription } =
    request
  return link.call<Joined>(
    'JoinGroup',
    {
      groupId: group,
      sessionTimeout,
      rebalanceTimeout,
      memberId,
      groupInstanceId: instanceId,
      protocolType: 'consumer',
      groupProtocols: [{ name: assigner, metadata: subscription }],
    },
    { timeout: timeout + rebalanceTimeout, context: { group }, ...STATIC.join },
  )
}

/** The member id with which the coordinator requires us to join, if the error contains one. */
export function requiredMemberId(error: unknown): string | null {
  const cause = (error as { cause?: { memberId?: unknown } })?.cause
  return typeof cause?.memberId === 'string' ? cause.memberId : null
}

export interface Membership {
  readonly group: string
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
}

/**
 * @param assignments of all members if this one is the leader, else empty
 *
 * @returns the assignment of this member
 *
 * @throws KafkaError
 */
export async function syncGroup(
  link: Link,
  { group, memberId, instanceId, generation }: Membership,
  assignments: ReadonlyMap<string, Buffer>,
  timeout: number,
): Promise<Buffer | null> {
  const response = await link.call<{ memberAssignment: Buffer | null }>(
    'SyncGroup',
    {
      groupId: group,
      generationId: generation,
      memberId,
      groupInstanceId: instanceId,
      groupAssignment: [...assignments].map(([member, memberAssignment]) => ({
        memberId: member,
        memberAssignment,
      })),
    },
    { timeout, context: { group }, ...STATIC.sync },
  )
  return response.memberAssignment
}

/** @throws KafkaError, `REBALANCE_IN_PROGRESS` among them */
export async function heartbeat(link: Link, of: Membership, timeout: number): Promise<void> {
  await link.call(
    'Heartbeat',
    {
      groupId: of.group,
      groupGenerationId: of.generation,
      memberId: of.memberId,
      groupInstanceId: of.instanceId,
    },
    { timeout, context: { group: of.group }, ...STATIC.heartbeat },
  )
}

/**
 * Removes the member from the group, a static one too.
 *
 * @throws KafkaError
 */
export async function leaveGroup(
  link: Link,
  { group, memberId, instanceId }: Pick<Membership, 'group' | 'memberId' | 'instanceId'>,
  timeout: number,
): Promise<void> {
  await link.call(
    'LeaveGroup',
    { groupId: group, memberId, groupInstanceId: instanceId },
    { timeout, context: { group }, ...STATIC.leave },
  )
}

export interface DescribedGroup {
  /** `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty`, `Dead`. */
  readonly state: string
  readonly protocol: string
  readonly members: readonly {
    readonly memberId: string
    readonly memberMetadata: Buffer | null
    readonly memberAssignment: Buffer | null
  }[]
}

/** @throws KafkaError */
export async function describeGroup(
  link: Link,
  group: string,
  timeout: number,
): Promise<DescribedGroup> {
  const response = await link.call<{ groups: DescribedGroup[] }>(
    'DescribeGroups',
    { groupIds: [group] },
    { timeout, context: { group } },
  )
  return response.groups[0] ?? { state: 'Dead', protocol: '', members: [] }
}
