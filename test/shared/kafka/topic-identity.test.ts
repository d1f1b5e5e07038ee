import { expect, test } from 'vitest'
import { TopicIdentity } from '../../../shared/kafka/reading/topic-identity.js'

test('the first id is the same topic, a new one is a replaced topic', () => {
  const topic = new TopicIdentity()
  expect(['a', 'a', 'b', 'b', 'c'].map(id => topic.observe(id))).toEqual([
    'same',
    'same',
    'replaced',
    'same',
    'replaced',
  ])
  expect(topic.id).toBe('c')
})

test('the id of a deleted topic is outdated', () => {
  const topic = new TopicIdentity()
  for (const id of ['a', 'b', 'c']) topic.observe(id)
  expect([topic.observe('a'), topic.observe('b'), topic.id]).toEqual(['outdated', 'outdated', 'c'])
  expect(topic.observe('c')).toBe('same')
})

test('a broker that reports no id changes nothing', () => {
  const topic = new TopicIdentity()
  expect([topic.observe(null), topic.id]).toEqual(['same', null])
  topic.observe('a')
  expect([topic.observe(null), topic.id]).toEqual(['same', 'a'])
  expect(topic.observe('b')).toBe('replaced')
})
