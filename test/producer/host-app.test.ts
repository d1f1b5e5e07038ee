import { createRequire } from 'node:module'
import { Counter, Registry } from 'prom-client'
import { expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.js'

// Nothing of this package is imported above: what it does to the process when it is loaded is what is tested.
const require = createRequire(import.meta.url)

/** Own properties of an object and of its prototypes, by path. */
function describeObject(path: string, given: object, into: Map<string, unknown>): void {
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(given))) {
    // Caches that the library fills by itself are values, not behaviour.
    if (typeof property.value === 'function' || property.get || property.set)
      into.set(`${path}.${name}`, property.value ?? property.get ?? property.set)
  }
}

/** Every function that a loaded module of kafkajs exports or has on a class's prototype, and those of what all code shares. */
function behaviour(): Map<string, unknown> {
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

test('an app that publishes finds its kafkajs, its globals and its process as they were', async () => {
  // All of the library, as an app that uses Kafka itself has it.
  const { Kafka, logLevel } = require('kafkajs')
  const client = new Kafka({ brokers: inject('brokers'), logLevel: logLevel.NOTHING })
  const admin = client.admin()
  await admin.connect()
  const topic = `host-app-${process.pid}`
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true })
  const modules = Object.keys(require.cache).filter(file => file.includes('/kafkajs/')).length
  expect(modules).toBeGreaterThan(100)
  const before = behaviour()

  const { createPublisher } = await import('../../producer/index.js')
  const register = new Registry()
  new Counter({ name: 'orders_total', help: 'Orders.', registers: [register] }).inc()
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const publisher = createPublisher({ register, brokers: inject('brokers'), topic, job: 'host', logger })
  await publisher.start()
  const sent = register.getSingleMetric('publisher_last_ack_timestamp_seconds')!
  await eventually(async () => expect((await sent.get()).values[0].value).toBeGreaterThan(0))
  await publisher.stop()

  const after = behaviour()
  // Modules that are loaded later add to what there is; nothing that was there may be another.
  const changed = [...before].filter(([path, value]) => after.get(path) !== value).map(([path]) => path)
  expect(changed).toEqual([])
  const added = [...after.keys()].filter(path => !before.has(path) && !path.startsWith('/'))
  expect(added).toEqual([])
  await admin.disconnect()
})
