import { createServer } from 'node:http'
import { NaiveQueue } from '../naive/queue.js'
import type { FleetOptions, FleetStats } from './options.js'
import { FleetSenders } from './ours.js'
import { FleetWorkload } from './workload.js'

/**
 * A fleet of apps in one process: `node main.js <port> <options as JSON>`. Its targets collect at moments of their own, spread over the interval, are published as
 * the options say, are scraped at `/metrics?target=0` and listed at `/sd`. `/control/targets?count=` lets it grow.
 */
const [port, json] = process.argv.slice(2)
const options = JSON.parse(json) as FleetOptions
const { job, series, intervalMs, brokers, topics } = options
const workload = new FleetWorkload(series)
const ours =
  topics.ours === undefined ? undefined : await FleetSenders.start(brokers, topics.ours, workload, intervalMs)
const naive = topics.naive === undefined ? undefined : await NaiveQueue.start(brokers, topics.naive)

let count = 0
let collected = 0
let latestMs = 0
const values = new Float64Array(series)
const began = Date.now()

/** Phases by the golden ratio: however many there are, they are spread evenly. */
const phaseOf = (target: number) => ((target * 0.6180339887498949) % 1) * intervalMs

function collect(target: number, round: number): void {
  const due = began + phaseOf(target) + round * intervalMs
  setTimeout(() => {
    const at = Date.now()
    latestMs = Math.max(latestMs, at - due)
    collected++
    workload.fill(values, target + round, at)
    const instance = `app-${target}`
    ours?.publish(job, instance, values, at)
    if (naive) {
      for (const record of workload.records({ job, instance }, values, at)) {
        naive.push(instance, JSON.stringify(record))
      }
    }
    // What it is too slow for is left out, as a timer would.
    const next = Math.max(round + 1, Math.ceil((Date.now() - began - phaseOf(target)) / intervalMs))
    collect(target, next)
  }, due - Date.now())
}

function grow(wanted: number): void {
  if (!ours && !naive) count = Math.max(count, wanted)
  for (; count < wanted; count++) {
    collect(count, Math.ceil((Date.now() - began - phaseOf(count)) / intervalMs))
  }
}
grow(options.targets)

function stats(): FleetStats {
  const figures = {
    collected,
    superseded: ours?.superseded ?? 0,
    sendErrors: (ours?.sendErrors ?? 0) + (naive?.sendErrors ?? 0),
    bufferedBytes: naive?.bytes ?? 0,
    latestMs,
  }
  latestMs = 0
  return figures
}

const address = `127.0.0.1:${port}`
const scraped = new Float64Array(series)
let rounds = 0
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url!, `http://${address}`)
  if (pathname === '/metrics') {
    const target = Number(searchParams.get('target') ?? 0)
    workload.fill(scraped, target + rounds++, Date.now())
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8')
    response.end(workload.text(scraped))
    return
  }
  response.setHeader('content-type', 'application/json')
  if (pathname === '/sd') {
    const all = Array.from({ length: count }, (_, i) => ({
      targets: [address],
      labels: { __param_target: String(i), job, instance: `app-${i}` },
    }))
    response.end(JSON.stringify(all))
  } else if (pathname === '/control/targets') {
    grow(Number(searchParams.get('count')))
    response.end('{}')
  } else if (pathname === '/control/stats') response.end(JSON.stringify(stats()))
  else {
    response.statusCode = 404
    response.end()
  }
})
server.keepAliveTimeout = 60_000
server.listen(Number(port), '127.0.0.1')

process.once('SIGTERM', async () => {
  await Promise.race([
    Promise.all([ours?.stop(), naive?.stop()]),
    new Promise(resolve => setTimeout(resolve, 2000)),
  ])
  process.exit(0)
})
