import { expect, test } from 'vitest'
import { explain, KafkaError } from '../../../shared/kafka/errors.js'
import { parseAddress } from '../../../shared/kafka/wire/cluster.js'
import { createErrorFromCode } from '../../../shared/kafka/wire/internals.js'

const socketError = (code: string) =>
  Object.assign(new Error(`connect ${code}`), { code, name: 'KafkaJSConnectionError' })

test('a broker that is not there is named, with what to check', () => {
  const error = explain(socketError('ECONNREFUSED'), { broker: 'kafka-1:9092' })
  expect(error.message).toMatch(/nothing listens at kafka-1:9092.*broker list/)
  expect(error.isConnectionError).toBe(true)
})

test('a host name that the cluster advertises but nobody knows leads to advertised.listeners', () => {
  expect(explain(socketError('ENOTFOUND'), { broker: 'kafka:29092' }).message).toMatch(
    /advertised\.listeners/,
  )
})

test('a missing grant names the resource and where the grants are listed', () => {
  const topic = explain(createErrorFromCode(29), { topic: 'metrics.snapshots' })
  expect(topic.message).toMatch(/topic metrics\.snapshots.*topic check/)
  expect(explain(createErrorFromCode(30), { group: 'g' }).message).toMatch(/consumer group g.*grant Read/)
})

test('a group that others use leads to a group of its own', () => {
  expect(explain(createErrorFromCode(23), { group: 'g' }).message).toMatch(/--kafka\.group/)
})

test('an error that nobody foresaw keeps its name and its words', () => {
  const error = explain(createErrorFromCode(45), { broker: 'b:1' })
  expect(error.type).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
  expect(error.message).toMatch(/sequence number.*OUT_OF_ORDER_SEQUENCE_NUMBER/)
})

test('explained once is explained', () => {
  const error = new KafkaError('TIMEOUT', 'x')
  expect(explain(error, { broker: 'y' })).toBe(error)
})

test('broker addresses are host:port, also of IPv6, and anything else is refused with an example', () => {
  expect(parseAddress('kafka-1:9093')).toEqual({ host: 'kafka-1', port: 9093 })
  expect(parseAddress('kafka-1')).toEqual({ host: 'kafka-1', port: 9092 })
  expect(parseAddress('[::1]:9093')).toEqual({ host: '::1', port: 9093 })
  for (const bad of ['', ':9092', 'a:b', 'a:0', 'a:99999', 'http://a:9092']) {
    expect(() => parseAddress(bad), bad).toThrow(/host:port/)
  }
})
