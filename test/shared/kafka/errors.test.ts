import { expect, test } from 'vitest'
import { explain, KafkaError } from '../../../shared/kafka/errors.js'
import { parseAddress } from '../../../shared/kafka/wire/cluster.js'
import { createErrorFromCode } from '../../../shared/kafka/wire/internals.js'

const socketError = (code: string) =>
  Object.assign(new Error(`connect ${code}`), { code, name: 'KafkaJSConnectionError' })

test('a refused connection names the broker and what to check', () => {
  const error = explain(socketError('ECONNREFUSED'), { broker: 'kafka-1:9092' })
  expect(error.message).toMatch(/nothing listens at kafka-1:9092.*broker list/)
  expect(error.isConnectionError).toBe(true)
})

test('an unresolvable host name of a broker points to advertised.listeners', () => {
  expect(explain(socketError('ENOTFOUND'), { broker: 'kafka:29092' }).message).toMatch(
    /advertised\.listeners/,
  )
})

test('a missing ACL names the resource and the command that lists the ACLs', () => {
  const topic = explain(createErrorFromCode(29), { topic: 'metrics.snapshots' })
  expect(topic.message).toMatch(/topic metrics\.snapshots.*topic check/)
  expect(explain(createErrorFromCode(30), { group: 'g' }).message).toMatch(
    /consumer group g.*grant Read/,
  )
})

test('a group that is used by another program points to --kafka.group', () => {
  expect(explain(createErrorFromCode(23), { group: 'g' }).message).toMatch(/--kafka\.group/)
})

test('an unknown error keeps its name and its message', () => {
  const error = explain(createErrorFromCode(45), { broker: 'b:1' })
  expect(error.type).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
  expect(error.message).toMatch(/sequence number.*OUT_OF_ORDER_SEQUENCE_NUMBER/)
})

test('an explained error is returned unchanged', () => {
  const error = new KafkaError('TIMEOUT', 'x')
  expect(explain(error, { broker: 'y' })).toBe(error)
})

test('broker addresses are host:port, also with IPv6, and others are refused with an example', () => {
  expect(parseAddress('kafka-1:9093')).toEqual({ host: 'kafka-1', port: 9093 })
  expect(parseAddress('kafka-1')).toEqual({ host: 'kafka-1', port: 9092 })
  expect(parseAddress('[::1]:9093')).toEqual({ host: '::1', port: 9093 })
  for (const bad of ['', ':9092', 'a:b', 'a:0', 'a:99999', 'http://a:9092']) {
    expect(() => parseAddress(bad), bad).toThrow(/host:port/)
  }
})

test('TLS at a plaintext port says so, however the broker ends the handshake', () => {
  const closed = socketError('ECONNRESET')
  closed.message =
    'Connection error: Client network socket disconnected before secure TLS connection was established'
  for (const error of [closed, socketError('ERR_SSL_WRONG_VERSION_NUMBER')]) {
    expect(explain(error, { broker: 'kafka-1:9092' }).message).toMatch(
      /kafka-1:9092 does not respond to TLS.*plaintext.*remove `ssl`/,
    )
  }
})
