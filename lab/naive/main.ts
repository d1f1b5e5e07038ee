import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { Kafka, logLevel } from 'kafkajs'
import type { NaiveRecord } from './record.js'
import { NaiveStore } from './store.js'

export interface NaiveExposerOptions {
  readonly brokers: readonly string[]
  readonly topic: string
  /** Consumer group. Exposers of one group share the partitions. */
  readonly group: string
  /** Whether to expose every sample with its timestamp, instead of the newest one without. */
  readonly timestamps: boolean
}

/**
 * The usual design of an exposer: `node main.js <port> <options as JSON>`. A consumer group, a
 * store, and one `/metrics` endpoint for all targets that drains the store on each scrape.
 */
const [port, json] = process.argv.slice(2)
const options = JSON.parse(json) as NaiveExposerOptions
const kafka = new Kafka({
  brokers: [...options.brokers],
  clientId: 'naive-exposer',
  logLevel: logLevel.NOTHING,
  // Outages last for minutes. With the default limits the consumer would crash as well.
  retry: { retries: 1000, maxRetryTime: 2000 },
})
const consumer = kafka.consumer({ groupId: options.group, maxWaitTimeInMs: 200 })
const store = new NaiveStore()

await consumer.connect()
await consumer.subscribe({ topic: options.topic, fromBeginning: false })
await consumer.run({
  eachMessage: async ({ message }) => {
    if (message.value) store.apply(JSON.parse(message.value.toString()) as NaiveRecord)
  },
})

const server = createServer((request, response) => {
  if (!request.url?.startsWith('/metrics')) {
    response.statusCode = request.url === '/-/ready' ? 200 : 404
    response.end()
    return
  }
  response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  Readable.from(store.drain(options.timestamps)).pipe(response)
})
server.listen(Number(port), '127.0.0.1')

process.once('SIGTERM', async () => {
  await Promise.race([consumer.disconnect(), new Promise(resolve => setTimeout(resolve, 2000))])
  process.exit(0)
})
