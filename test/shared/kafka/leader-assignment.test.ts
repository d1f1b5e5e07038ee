import { expect, test } from 'vitest'
import { type Assigner, type Claimant, stickyAssigner } from '../../../shared/kafka/assigner.js'
import { assignAsLeader } from '../../../shared/kafka/group/leader-assignment.js'
import {
  type Claim,
  decodeAssignment,
  encodeSubscription,
} from '../../../shared/kafka/group/protocol.js'

const claim: Claim = {
  owned: [1],
  leased: false,
  leaving: false,
  released: [],
  confirmedAge: 10,
  generation: 3,
  partitionCount: 4,
}
const member = (memberId: string, topic = 't', metadata = Buffer.from(memberId)) => ({
  memberId,
  memberMetadata: encodeSubscription(topic, claim, metadata),
})

test('the assigner gets the claims and metadata of all members unchanged', () => {
  let claimants: readonly Claimant[] = []
  const assigner: Assigner = {
    name: 'x',
    assign: members => {
      claimants = members
      return new Map()
    },
  }
  assignAsLeader([member('a'), { memberId: 'b', memberMetadata: null }], {
    topic: 't',
    partitionCount: 4,
    assigner,
  })
  expect(claimants).toMatchObject([
    { memberId: 'a', owned: [1], confirmedAge: 10, generation: 3, metadata: Buffer.from('a') },
    { memberId: 'b', owned: [], confirmedAge: null, generation: -1, metadata: Buffer.alloc(0) },
  ])
})

test('every member gets an assignment, also one that the assigner left out', () => {
  const assigner: Assigner = { name: 'x', assign: () => new Map([['a', [0, 1]]]) }
  const { assignments } = assignAsLeader([member('a'), member('b')], {
    topic: 't',
    partitionCount: 2,
    assigner,
  })
  expect(decodeAssignment(assignments.get('a')!, 't')).toMatchObject({
    partitions: [0, 1],
    partitionCount: 2,
  })
  expect(decodeAssignment(assignments.get('b')!, 't')).toMatchObject({
    partitions: [],
    partitionCount: 2,
  })
})

test('a member that reads another topic is reported and gets no partition', () => {
  const options = { topic: 't', partitionCount: 4, assigner: stickyAssigner }
  const { assignments, foreignMembers } = assignAsLeader(
    [member('a'), member('b', 'other')],
    options,
  )
  expect(foreignMembers).toEqual([{ memberId: 'b', topics: ['other'] }])
  expect(decodeAssignment(assignments.get('a')!, 't').partitions).toEqual([0, 1, 2, 3])
  expect(decodeAssignment(assignments.get('b')!, 'other').partitions).toEqual([])
})
