import { createRequire } from 'node:module'
import { Counter, Registry } from 'prom-client'
import { expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.js'

// The package is not imported above: the test covers the side effects of loading it.
const require = createRequire(import.meta.url)

/** Adds the functions and accessors of an object, by path. */
function describeObject(path: string, object: object, into: Map<string, unknown>): void {
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(object))) {
    // Other values may be caches of the library, which it fills itself.
    if (typeof property.value === 'function' || property.get || property.set)
      into.set(`${path}.${name}`, property.value ?? property.get ?? property.set)
  }
}

/**
 * All functions of loaded kafkajs modules and their prototypes, of globals, and process listeners.
 */
function currentFunctions(): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [file, module] of Object.entries(require.cache)) {
    if (!/\/kafkajs\//.test(file)) continue
    const { exports } = module!
    if (!exports || (typeof exports !== 'object' && typeof exports !== 'function')) continue
    describeObject(file, exports, found)
    for (const [name, value] of [['', exports], ...Object.entries(exports)]) {
      const { prototype } = (value ?? {}) as { prototype?: object }
      if (typeof value === 'function' && prototype)
        describeObject(`${file} ${name}.prototype`, prototype, found)
    }
  }
  const { EventEmitter } = require('node:events')
  const { Socket } = require('node:net')
  const shared = {
    Object,
    Array,
    Promise,
    Map,
    Set,
    Function,
    String,
    Number,
    Date,
    Error,
    Buffer,
    EventEmitter,
    Socket,
  }
  for (const [name, value] of Object.entries(shared)) {
    describeObject(name, value, found)
    describeObject(`${name}.prototype`, value.prototype, found)
  }
  describeObject('globalThis', globalThis, found)
  for (const event of process.eventNames())
    found.set(`process on ${String(event)}`, process.listenerCount(event))
  return found
}

test('publishing changes neither the application’s kafkajs, nor its globals, nor its process listeners', async () => {
  // Load the whole library, as an application that uses Kafka itself does.
  const { Kafka, logLevel } = require('kafkajs')
  const client = new Kafka({ brokers: inject('brokers'), logLevel: logLevel.NOTHING })
  const admin = client.admin()
  await admin.connect()
  const topic = `host-app-${process.pid}`
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: false })
  // kafkajs's own wait fails when a broker does not know the topic yet.
  await eventually(async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    expect(topics[0].partitions[0].leader).toBeGreaterThanOrEqual(0)
  })
  const modules = Object.keys(require.cache).filter(file => file.includes('/kafkajs/')).length
  expect(modules).toBeGreaterThan(100)
  const before = currentFunctions()

  const { createPublisher } = await import('../../producer/index.js')
  const register = new Registry()
  new Counter({ name: 'orders_total', help: 'Orders.', registers: [register] }).inc()
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const publisher = createPublisher({
    register,
    brokers: inject('brokers'),
    topic,
    job: 'host',
    logger,
  })
  await publisher.start()
  const sent = register.getSingleMetric('publisher_last_ack_timestamp_seconds')!
  await eventually(async () => expect((await sent.get()).values[0].value).toBeGreaterThan(0))
  await publisher.stop()

  const after = currentFunctions()
  // Modules loaded later add functions. No existing function may be replaced.
  const changed = [...before]
    .filter(([path, value]) => after.get(path) !== value)
    .map(([path]) => path)
  expect(changed).toEqual([])
  const added = [...after.keys()].filter(path => !before.has(path) && !path.startsWith('/'))
  expect(added).toEqual([])
  await admin.disconnect()
})
