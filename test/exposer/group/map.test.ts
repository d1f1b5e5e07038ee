import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeMember, encodeMember, groupMapOf } from '../../../exposer/group/map.js'

const mapOf = (metadata: Uint8Array) =>
  groupMapOf({
    stable: true,
    partitionCount: 2,
    members: [{ memberId: 'a', metadata: Buffer.from(metadata), partitions: [0, 1] }],
  })

test('the map has the address that a shard advertises as member metadata', () => {
  const member = { address: 'http://10.0.0.7:9754', secret: 'abc' }
  expect(decodeMember(encodeMember(member))).toEqual(member)
  expect(mapOf(encodeMember(member))).toEqual({
    stable: true,
    partitionCount: 2,
    members: [{ memberId: 'a', address: 'http://10.0.0.7:9754', partitions: [0, 1] }],
  })
})

test.each([
  'javascript:alert(1)',
  'ftp://10.0.0.7',
  'http://user@10.0.0.7:9754',
  'http://10.0.0.7:9754/?a=b',
  'http://10.0.0.7:9754/#a',
  'http://10.0.0.7:9754\\r\\nX: y',
  '//10.0.0.7',
  `http://${'a'.repeat(3000)}.example`,
])('a member that advertises %j has an empty address', address => {
  expect(mapOf(encodeMember({ address: address, secret: '' })).members[0]!.address).toBe('')
})

test.each(['http://10.0.0.7:9754', 'https://[::1]:9754', 'https://shard.example/a/b'])(
  'a member can advertise %s',
  address =>
    expect(mapOf(encodeMember({ address: address, secret: '' })).members[0]!.address).toBe(address),
)

test('a member with invalid metadata has an empty address, whatever its bytes are', () => {
  expect(mapOf(Buffer.from('{"address":7}')).members[0]!.address).toBe('')
  expect(mapOf(Buffer.from('null')).members[0]!.address).toBe('')
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      expect(mapOf(bytes).members[0]!.address).toBe('')
      expect(decodeMember(bytes)).toEqual({ address: '', secret: '' })
    }),
  )
})
