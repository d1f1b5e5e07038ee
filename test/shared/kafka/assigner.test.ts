import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Claimant, stickyAssigner } from '../../../shared/kafka/assigner.js'

const { assign } = stickyAssigner

const claimant = (memberId: string, owned: number[], more: Partial<Claimant> = {}): Claimant => ({
  memberId,
  metadata: Buffer.from(memberId),
  owned,
  leased: true,
  confirmedAge: 100,
  generation: 1,
  ...more,
})

const PARTITIONS = 40

/** Members with arbitrary claims: overlapping, repeated, or of partitions that do not exist. */
const anyGroup = fc.record({
  partitionCount: fc.nat(PARTITIONS),
  members: fc.uniqueArray(
    fc.record({
      memberId: fc.string({ minLength: 1, maxLength: 3 }),
      metadata: fc.constantFrom('', 'a', 'b', 'c').map(text => Buffer.from(text)),
      owned: fc.array(fc.integer({ min: -2, max: PARTITIONS + 2 }), { maxLength: 20 }),
      leased: fc.boolean(),
      confirmedAge: fc.option(fc.nat(30_000), { nil: null }),
      generation: fc.integer({ min: -1, max: 5 }),
    }),
    { selector: m => m.memberId, minLength: 1, maxLength: 8 },
  ),
})

/** Members of a healthy group: no partition has two owners. */
const peacefulGroup = fc
  .record({
    partitionCount: fc.nat(PARTITIONS),
    size: fc.integer({ min: 1, max: 8 }),
    owners: fc.array(fc.integer({ min: -1, max: 7 }), {
      minLength: PARTITIONS,
      maxLength: PARTITIONS,
    }),
  })
  .map(({ partitionCount, size, owners }) => ({
    partitionCount,
    members: Array.from({ length: size }, (_, m) =>
      claimant(
        `m${m}`,
        owners.flatMap((owner, partition) =>
          owner === m && partition < partitionCount ? [partition] : [],
        ),
      ),
    ),
  }))

function stayed(members: readonly Claimant[], assignment: Map<string, number[]>): number {
  return members.reduce(
    (sum, member) =>
      sum + member.owned.filter(p => assignment.get(member.memberId)!.includes(p)).length,
    0,
  )
}

describe('assign', () => {
  test('every partition is assigned to exactly one member, whatever members claim', () => {
    fc.assert(
      fc.property(anyGroup, ({ members, partitionCount }) => {
        const all = [...assign(members, partitionCount).values()].flat().sort((a, b) => a - b)
        expect(all).toEqual(Array.from({ length: partitionCount }, (_, p) => p))
      }),
    )
  })

  test('no member has two partitions more than another', () => {
    fc.assert(
      fc.property(anyGroup, ({ members, partitionCount }) => {
        const counts = [...assign(members, partitionCount).values()].map(p => p.length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('the order of the members does not change the assignment', () => {
    fc.assert(
      fc.property(anyGroup, fc.infiniteStream(fc.nat()), ({ members, partitionCount }, random) => {
        const shuffled = members
          .map(member => ({ member, key: random.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ member }) => member)
        const sorted = (of: Map<string, number[]>) => [...of].sort()
        expect(sorted(assign(shuffled, partitionCount))).toEqual(
          sorted(assign(members, partitionCount)),
        )
      }),
    )
  })

  test('an assignment of the current owners moves no partition', () => {
    fc.assert(
      fc.property(anyGroup, ({ members, partitionCount }) => {
        const first = assign(members, partitionCount)
        const owners = members.map(m => ({ ...m, owned: first.get(m.memberId)! }))
        expect(assign(owners, partitionCount)).toEqual(first)
      }),
    )
  })

  test('as many partitions stay with their owners as in any balanced assignment', () => {
    fc.assert(
      fc.property(peacefulGroup, ({ members, partitionCount }) => {
        const floor = Math.floor(partitionCount / members.length)
        const extras = partitionCount % members.length
        const sizes = members.map(m => m.owned.length)
        const most =
          sizes.reduce((sum, size) => sum + Math.min(size, floor), 0) +
          Math.min(extras, sizes.filter(size => size > floor).length)
        expect(stayed(members, assign(members, partitionCount))).toBe(most)
      }),
    )
  })

  test('a joining member gets partitions of the other members, which exchange none', () => {
    const assignment = assign(
      [claimant('a', [0, 1, 2, 3, 4, 5]), claimant('b', [6, 7, 8, 9, 10, 11]), claimant('c', [])],
      12,
    )
    expect(assignment.get('a')).toEqual([0, 1, 2, 3])
    expect(assignment.get('b')).toEqual([6, 7, 8, 9])
    expect(assignment.get('c')).toEqual([4, 5, 10, 11])
  })

  test('existing partitions keep their owners when partitions are added', () => {
    const assignment = assign([claimant('a', [0, 2]), claimant('b', [1, 3])], 6)
    expect(assignment.get('a')).toEqual(expect.arrayContaining([0, 2]))
    expect(assignment.get('b')).toEqual(expect.arrayContaining([1, 3]))
  })

  test('of two members that claim the same partitions, the one confirmed last keeps them', () => {
    const members = [
      claimant('ghost', [0, 1], { confirmedAge: 25_000, generation: 9 }),
      claimant('owner', [0, 1], { confirmedAge: 900 }),
    ]
    const assignment = assign(
      [...members, claimant('third', [2, 3]), claimant('fourth', [4, 5])],
      6,
    )
    expect(assignment.get('owner')).toEqual(expect.arrayContaining([0]))
    expect(assignment.get('ghost')).not.toContain(0)
  })

  test('of two claims of the same age, the one of the later generation wins', () => {
    const members = [
      claimant('old', [0], { generation: 3 }),
      claimant('new', [0], { generation: 4 }),
    ]
    expect(assign(members, 2).get('new')).toEqual([0])
  })

  test('a claim with a lease wins, however recent the other confirmation is', () => {
    const members = [
      claimant('removed', [0], { leased: false, confirmedAge: 10 }),
      claimant('owner', [0], { confirmedAge: 5_000 }),
    ]
    expect(assign(members, 2).get('owner')).toEqual([0])
  })

  test('an unconfirmed claim loses to a confirmed one', () => {
    const members = [
      claimant('a', [0], { confirmedAge: null }),
      claimant('b', [0], { confirmedAge: 60_000 }),
    ]
    expect(assign(members, 2).get('b')).toEqual([0])
  })

  test('the assignment of a group without members is empty', () => {
    expect(assign([], 12).size).toBe(0)
  })
})
