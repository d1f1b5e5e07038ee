import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { FakeApp } from '../support/records.js'
import { ShardChild } from '../support/shards.js'

let shard: ShardChild | undefined
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await shard?.end()
})

/** A shard in its own process with large targets, and one small target. */
async function start(): Promise<string> {
  const settings = { topic: await newTopic(2), group: name('group') }
  const sender = newSender(settings.topic)
  const send = async (job: string, exposition: string) => {
    const app = new FakeApp({ labels: { job }, intervalMs: 120_000, incarnation: Date.now() })
    const records = app.records({ exposition, collectedAt: Date.now() })
    await sender.send(
      app.key,
      records.map(record => record.value!),
    )
  }
  const large = Array.from(
    { length: 20_000 },
    (_, i) => `large{i="${String(i).padStart(80, '0')}"} 1`,
  )
  for (let i = 0; i < 8; i++) await send(`large-${i}`, `# TYPE large gauge\n${large.join('\n')}\n`)
  await send('small', '# TYPE small gauge\nsmall 1\n')
  await sender.disconnect()
  shard = await ShardChild.start(settings)
  const { url } = shard
  await eventually(async () => {
    expect((await fetch(`${url}/target?job=small`)).status).toBe(200)
    expect(await metric(url, 'exposer_targets{state="up"}')).toBe(9)
  })
  return url
}

async function metric(url: string, series: string): Promise<number> {
  const text = await (await fetch(`${url}/telemetry`)).text()
  const line = text.split('\n').find(line => line.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1))
}

/** Sends bytes from the address of an attacker, and never reads. */
function attack(url: string, bytes: string): Socket {
  const { port, hostname: host } = new URL(url)
  const socket = connect({ port: Number(port), host, localAddress: '127.0.0.2' })
  socket.on('error', () => {})
  socket.pause()
  socket.write(bytes)
  sockets.push(socket)
  return socket
}

/** A scrape as Prometheus sends it, from another address. @returns why it failed, if it did */
function scrape(url: string, path: string): Promise<string> {
  const { port, hostname: host } = new URL(url)
  return new Promise(resolve => {
    // Three times that of Prometheus: a busy machine renders the responses of the others slowly.
    const headers = { 'x-prometheus-scrape-timeout-seconds': '30' }
    const sent = request({ port, host, path, localAddress: '127.0.0.3', headers }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk
      })
      response.once('close', () => {
        const { complete, statusCode } = response
        resolve(complete && statusCode === 200 ? '' : `${statusCode} ${text}`)
      })
    })
    sent.once('error', error => resolve(String(error)))
    sent.end()
  })
}

const GET = 'GET /metrics HTTP/1.1\r\nHost: t\r\n'

test('clients that never read, pipeline and send slowly fail no scrape, and cost bounded memory', async () => {
  const url = await start()
  const before = await metric(url, 'process_resident_memory_bytes')
  const scrapes: Promise<string>[] = []
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 200; i++) attack(url, `${GET}\r\n`)
    for (let i = 0; i < 50; i++) attack(url, `${GET}X-Large: ${'x'.repeat(50_000)}\r\n\r\n`)
    for (let i = 0; i < 20; i++) attack(url, `${GET}\r\n`.repeat(1000))
    for (let i = 0; i < 50; i++) attack(url, GET)
    for (let i = 0; i < 50; i++) attack(url, '')
    await eventually(async () =>
      expect(await metric(url, 'exposer_requests_queued{pool="scrapes"}')).toBeGreaterThan(100),
    )
    for (let i = 0; i < 10; i++) scrapes.push(scrape(url, '/target?job=small'))
    scrapes.push(scrape(url, '/sd'))
    for (const path of ['/-/healthy', '/-/ready']) expect(await scrape(url, path)).toBe('')
    await Promise.all(scrapes)
  }
  expect(new Set(await Promise.all(scrapes))).toEqual(new Set(['']))
  const after = await metric(url, 'process_resident_memory_bytes')
  expect((after - before) / 2 ** 20).toBeLessThan(150)
  await eventually(async () =>
    expect(await metric(url, 'exposer_requests_refused_total{reason="pipelined"}')).toBe(60),
  )
  for (const socket of sockets) socket.destroy()
  await eventually(async () => {
    expect(await metric(url, 'exposer_requests_queued{pool="scrapes"}')).toBe(0)
    expect(await metric(url, 'exposer_responses_in_progress{pool="scrapes"}')).toBe(0)
  })
})
