import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  BUCKETS,
  bucketKeys,
  bucketOf,
  groupName,
  parseGroupName,
  slotOf,
} from '../../../../gateway/store/redis/buckets.js'

// Gateways of other versions find the same keys: these texts never change.
test('the layout of the keys is the documented one', () => {
  const name = groupName([
    { name: 'instance', value: 'ä' },
    { name: 'job', value: 'a"b' },
  ])
  expect(name).toBe('["instance","ä","job","a\\"b"]')
  expect(bucketOf(name)).toBe(0xf7)
  const keys = bucketKeys('p:')[0xf7]
  expect(keys.group(name)).toBe(`p:pushes:1:{f7}:group:${name}`)
  expect(keys.index).toBe('p:pushes:1:{f7}:index')
})

// Checked with CLUSTER KEYSLOT of Redis 7.0.
test('the slot of a bucket is that of its hash tag', () => {
  expect([slotOf(0), slotOf(0xf7), slotOf(255)]).toEqual([13_254, 10_040, 11_756])
})

test('buckets are spread over the slots of a Cluster', () => {
  const thirds = Array.from({ length: BUCKETS }, (_, i) => Math.floor(slotOf(i) / (16_384 / 3)))
  for (const third of [0, 1, 2])
    expect(thirds.filter(own => own === third).length).toBeGreaterThan(BUCKETS / 4)
})

test('the name of a push group is read as it was written', () => {
  const label = fc.record({ name: fc.string(), value: fc.string({ unit: 'binary' }) })
  fc.assert(
    fc.property(fc.array(label, { maxLength: 5 }), labels => {
      expect(parseGroupName(groupName(labels))).toEqual(labels)
    }),
  )
})

test.each(['', '{}', '["a"]', '[1,2]', '[', 'null'])('%j is no name of a push group', text => {
  expect(parseGroupName(text)).toBeUndefined()
})
