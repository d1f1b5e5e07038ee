import { expect, test } from 'vitest'
import { TopicIdentity } from '../../../shared/kafka/reading/topic-identity.js'

test('the first id is nothing new, another one is another topic', () => {
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

test('the id of a topic that is no more is told by a broker that has not heard of it', () => {
  const topic = new TopicIdentity()
  for (const id of ['a', 'b', 'c']) topic.observe(id)
  expect([topic.observe('a'), topic.observe('b'), topic.id]).toEqual(['outdated', 'outdated', 'c'])
  expect(topic.observe('c')).toBe('same')
})

test('a broker that tells no id says nothing about the topic', () => {
  const topic = new TopicIdentity()
  expect([topic.observe(null), topic.id]).toEqual(['same', null])
  topic.observe('a')
  expect([topic.observe(null), topic.id]).toEqual(['same', 'a'])
  expect(topic.observe('b')).toBe('replaced')
})
