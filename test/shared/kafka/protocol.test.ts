import fc from 'fast-check'
import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../../shared/kafka/group/protocol.js'

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol
const claim = {
  owned: [0, 3, 11],
  leased: true,
  leaving: false,
  released: [4],
  confirmedAge: 1200,
  generation: 7,
  partitionCount: 12,
}

test('a subscription is decoded as it was encoded, with opaque metadata', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      const metadata = Buffer.from(bytes)
      expect(decodeSubscription(encodeSubscription('metrics.snapshots', claim, metadata))).toEqual({
        topics: ['metrics.snapshots'],
        claim,
        metadata,
      })
    }),
  )
})

const round = {
  memberId: 'm-1',
  partitions: [2, 5],
  partitionCount: 12,
  pending: [7],
  following: true,
  previous: new Map([[5, Buffer.from([0, 255, 10])]]),
}

test('an assignment is decoded as it was encoded', () => {
  const bytes = encodeAssignment('metrics.snapshots', round)
  expect(decodeAssignment(bytes, 'metrics.snapshots')).toEqual(round)
})

test('both are frames of the consumer protocol, so that other tools can describe the group', () => {
  expect(MemberMetadata.decode(encodeSubscription('t', claim, Buffer.from('me')))?.topics).toEqual([
    't',
  ])
  expect(MemberAssignment.decode(encodeAssignment('t', round))?.assignment).toEqual({
    t: [2, 5],
  })
})

test('a member without user data claims nothing and has empty metadata', () => {
  const bytes = MemberMetadata.encode({ version: 0, topics: ['t'], userData: Buffer.alloc(0) })
  expect(decodeSubscription(bytes)).toEqual({
    topics: ['t'],
    claim: null,
    metadata: Buffer.alloc(0),
  })
})

test('malformed frames never throw and never assign partitions', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      expect(decodeSubscription(Buffer.from(bytes)).claim).toBeNull()
      expect(decodeAssignment(Buffer.from(bytes), 't').partitions).toEqual([])
    }),
  )
})

test('claims of a wrong type are dropped', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (owned, confirmedAge) => {
      const json = Buffer.from(JSON.stringify({ owned, confirmedAge, generation: 'x' }))
      const length = Buffer.alloc(4)
      length.writeInt32BE(json.length)
      const userData = Buffer.concat([length, json, Buffer.alloc(4)])
      const decoded = decodeSubscription(
        MemberMetadata.encode({ version: 0, topics: ['t'], userData }),
      ).claim
      if (decoded === null) return
      expect(decoded.owned.every(p => Number.isSafeInteger(p) && p >= 0)).toBe(true)
      expect(decoded.confirmedAge === null || decoded.confirmedAge >= 0).toBe(true)
      expect(decoded.generation).toBe(-1)
    }),
  )
})

test('an empty frame is an empty assignment', () => {
  const empty = {
    memberId: null,
    partitions: [],
    partitionCount: null,
    pending: [],
    following: false,
    previous: new Map(),
  }
  expect(decodeAssignment(null, 't')).toEqual(empty)
  expect(decodeAssignment(Buffer.alloc(0), 't')).toEqual(empty)
})
