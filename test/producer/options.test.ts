import { hostname } from 'node:os'
import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { createPublisher, type PublisherOptions } from '../../producer/index.js'
import { settingsOf } from '../../producer/options.js'

const register = new Registry()
const minimal: PublisherOptions = { register, brokers: 'kafka:9092', job: 'shop' }
const settings = (more: object) => settingsOf({ ...minimal, ...more } as PublisherOptions)
const messageOf = (options: unknown): string => {
  try {
    createPublisher(options as PublisherOptions)
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return (error as Error).message
  }
  throw new Error('the options were accepted')
}

describe('options', () => {
  test('registry, brokers and job are sufficient', () => {
    const { target, intervalMs, topic, kafka } = settingsOf(minimal)
    expect(target).toEqual([
      { name: 'instance', value: hostname() },
      { name: 'job', value: 'shop' },
    ])
    expect(intervalMs).toBe(15_000)
    expect(topic).toBe('metrics.snapshots')
    expect(kafka.brokers).toEqual(['kafka:9092'])
  })

  test('one error lists all invalid options by name', () => {
    const message = messageOf({
      register: {},
      brokers: [],
      job: '',
      interval: '15 s',
      topic: 'my topic',
      sasl: { mechanism: 'gssapi' },
      logger: { info() {} },
    })
    for (const option of [
      'register:',
      'brokers:',
      'job',
      'interval:',
      'topic:',
      'sasl:',
      'logger:',
    ])
      expect(message).toContain(option)
  })

  test('missing options are reported like empty ones', () => {
    expect(messageOf(undefined)).toMatch(
      /register: .*prom-client.*brokers: pass at least one.*job/s,
    )
  })

  test.each([
    ['15s', 15_000],
    ['2m', 120_000],
    ['1500ms', 1500],
    ['1s', 1000],
    [1000, 1000],
    [30_000, 30_000],
  ])('an interval of %j is %d ms', (interval, ms) => {
    expect(settings({ interval }).intervalMs).toBe(ms)
  })

  test.each(['999ms', '3m', 0, -5, 1000.5, '15', '', 'soon', '1h', Number.NaN, {}, [15]])(
    'an interval of %j is refused',
    interval => {
      expect(messageOf({ ...minimal, interval })).toMatch(
        /interval: .*(duration such as|between 1s and 2m)/,
      )
    },
  )

  test('brokers may be a list or one string with commas', () => {
    expect(settings({ brokers: ' a:1, b:2 ' }).kafka.brokers).toEqual(['a:1', 'b:2'])
    expect(settings({ brokers: ['a:1', '[::1]:2'] }).kafka.brokers).toEqual(['a:1', '[::1]:2'])
  })

  test.each(['http://kafka:9092', 'kafka:0', 'kafka:99999', 'a:1,,b:2', '', 'a b:x'])(
    'brokers %j are refused before the first send',
    brokers => {
      expect(messageOf({ ...minimal, brokers })).toMatch(/brokers: .*host:port/)
    },
  )

  test('target labels are job, instance and the additional labels, sorted by name', () => {
    const { target } = settings({ instance: 'a', labels: { zone: 'eu', app: 'x' } })
    expect(target.map(({ name, value }) => `${name}=${value}`)).toEqual([
      'app=x',
      'instance=a',
      'job=shop',
      'zone=eu',
    ])
  })

  test.each([
    [{ labels: { job: 'other' } }, /labels must not contain job/],
    [{ labels: { __zone: 'eu' } }, /Prometheus reserves/],
    [{ labels: { zone: '' } }, /zone.* is empty/],
    [{ labels: { zone: 3 } }, /zone is 3; it must be a string/],
    [{ labels: { zone: 'a\0b' } }, /NUL/],
    [{ job: 'kafka-exposer' }, /reserved for exposers/],
    [{ job: undefined }, /no job/],
    [{ instance: 7 }, /instance is 7; it must be a string/],
  ])('%j is refused', (more, why) => {
    expect(messageOf({ ...minimal, ...more })).toMatch(why)
  })

  test('register is a registry, a function or a list of both, and nothing else', () => {
    settings({ register: [register, () => []] })
    settings({ register: async () => [] })
    expect(messageOf({ ...minimal, register: [] })).toMatch(/register: is empty/)
    expect(messageOf({ ...minimal, register: [register, null] })).toMatch(
      /register: is not a prom-client registry/,
    )
  })

  test('the console is a valid logger', () => {
    expect(settings({ logger: console }).logger).toBe(console)
  })
})
