import { hostname } from 'node:os'
import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { createPublisher, type PublisherOptions } from '../../producer/index.js'
import { settingsOf } from '../../producer/options.js'

const register = new Registry()
const least: PublisherOptions = { register, brokers: 'kafka:9092', job: 'shop' }
const settings = (more: object) => settingsOf({ ...least, ...more } as PublisherOptions)
const complaint = (options: unknown): string => {
  try {
    createPublisher(options as PublisherOptions)
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

describe('options', () => {
  test('three are enough: registry, brokers, job', () => {
    const { target, intervalMs, topic, kafka } = settingsOf(least)
    expect(target).toEqual([
      { name: 'instance', value: hostname() },
      { name: 'job', value: 'shop' },
    ])
    expect(intervalMs).toBe(15_000)
    expect(topic).toBe('metrics.snapshots')
    expect(kafka.brokers).toEqual(['kafka:9092'])
  })

  test('everything that is wrong is said at once, each with the name of its option', () => {
    const message = complaint({
      register: {},
      brokers: [],
      job: '',
      interval: '15 s',
      topic: 'my topic',
      sasl: { mechanism: 'gssapi' },
      logger: { info() {} },
    })
    for (const option of ['register:', 'brokers:', 'job', 'interval:', 'topic:', 'sasl:', 'logger:'])
      expect(message).toContain(option)
  })

  test('none at all is an answer too, not a property of undefined', () => {
    expect(complaint(undefined)).toMatch(/register: .*prom-client.*brokers: give at least one.*job/s)
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
      expect(complaint({ ...least, interval })).toMatch(/interval: .*(duration such as|between 1s and 2m)/)
    },
  )

  test('brokers come as a list or as one text with commas', () => {
    expect(settings({ brokers: ' a:1, b:2 ' }).kafka.brokers).toEqual(['a:1', 'b:2'])
    expect(settings({ brokers: ['a:1', '[::1]:2'] }).kafka.brokers).toEqual(['a:1', '[::1]:2'])
  })

  test.each(['http://kafka:9092', 'kafka:0', 'kafka:99999', 'a:1,,b:2', '', 'a b:x'])(
    'brokers %j are refused at once, not at the first send',
    brokers => {
      expect(complaint({ ...least, brokers })).toMatch(/brokers: .*host:port/)
    },
  )

  test('further labels identify the app, sorted with job and instance', () => {
    const { target } = settings({ instance: 'a', labels: { zone: 'eu', app: 'x' } })
    expect(target.map(({ name, value }) => `${name}=${value}`)).toEqual([
      'app=x',
      'instance=a',
      'job=shop',
      'zone=eu',
    ])
  })

  test.each([
    [{ labels: { job: 'other' } }, /labels may not contain job/],
    [{ labels: { __zone: 'eu' } }, /Prometheus's own/],
    [{ labels: { zone: '' } }, /zone.* is empty/],
    [{ labels: { zone: 3 } }, /zone is 3; give text/],
    [{ labels: { zone: 'a\0b' } }, /NUL/],
    [{ job: 'kafka-exposer' }, /exposer's own/],
    [{ job: undefined }, /no job/],
    [{ instance: 7 }, /instance is 7; give text/],
  ])('%j cannot be a target', (more, why) => {
    expect(complaint({ ...least, ...more })).toMatch(why)
  })

  test('a registry, several, and functions are sources; anything else is not', () => {
    settings({ register: [register, () => []] })
    settings({ register: async () => [] })
    expect(complaint({ ...least, register: [] })).toMatch(/register: is empty/)
    expect(complaint({ ...least, register: [register, null] })).toMatch(
      /register: is no prom-client registry/,
    )
  })

  test('the console is a logger', () => {
    expect(settings({ logger: console }).logger).toBe(console)
  })
})
