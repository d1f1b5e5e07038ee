import { createServer } from 'node:http'
import { NaiveQueue } from '../naive/queue.js'
import type { FleetOptions, FleetStats } from './options.js'
import { FleetSenders } from './senders.js'
import { FleetWorkload } from './workload.js'

/**
 * Many apps in one process: `node main.js <port> <options as JSON>`. The collections of the targets
 * are spread evenly over the interval. `/metrics?target=<n>` exposes target n, `/sd` lists the
 * targets for HTTP service discovery, `/control/targets?count=<n>` raises their number to n.
 */
const [port, json] = process.argv.slice(2)
const options = JSON.parse(json) as FleetOptions
const { job, series, intervalMs, brokers, topics } = options
const workload = new FleetWorkload(series)
const senders =
  topics.snapshots === undefined
    ? undefined
    : await FleetSenders.start(brokers, topics.snapshots, workload, intervalMs)
const naiveQueue =
  topics.naive === undefined ? undefined : await NaiveQueue.start(brokers, topics.naive)

let targetCount = 0
let collected = 0
let maxLatenessMs = 0
const values = new Float64Array(series)
const startMs = Date.now()

/** Multiples of the golden ratio modulo 1 are evenly spread for any number of targets. */
const phaseOf = (target: number) => ((target * 0.6180339887498949) % 1) * intervalMs

const firstRoundFrom = (target: number) =>
  Math.ceil((Date.now() - startMs - phaseOf(target)) / intervalMs)

function scheduleCollection(target: number, round: number): void {
  const due = startMs + phaseOf(target) + round * intervalMs
  setTimeout(() => {
    const collectedAt = Date.now()
    maxLatenessMs = Math.max(maxLatenessMs, collectedAt - due)
    collected++
    workload.fill(values, target + round, collectedAt)
    const instance = `app-${target}`
    senders?.publish(job, instance, values, collectedAt)
    if (naiveQueue) {
      for (const record of workload.records({ job, instance }, values, collectedAt)) {
        naiveQueue.push(instance, JSON.stringify(record))
      }
    }
    // Skip rounds whose time has passed.
    scheduleCollection(target, Math.max(round + 1, firstRoundFrom(target)))
  }, due - Date.now())
}

function growTo(wanted: number): void {
  if (!senders && !naiveQueue) targetCount = Math.max(targetCount, wanted)
  for (; targetCount < wanted; targetCount++) {
    scheduleCollection(targetCount, firstRoundFrom(targetCount))
  }
}
growTo(options.targets)

function readStats(): FleetStats {
  const stats = {
    collected,
    superseded: senders?.superseded ?? 0,
    sendErrors: (senders?.sendErrors ?? 0) + (naiveQueue?.sendErrors ?? 0),
    bufferedBytes: naiveQueue?.bytes ?? 0,
    maxLatenessMs,
  }
  maxLatenessMs = 0
  return stats
}

const address = `127.0.0.1:${port}`
const scrapedValues = new Float64Array(series)
let scrapes = 0
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url!, `http://${address}`)
  if (pathname === '/metrics') {
    const target = Number(searchParams.get('target') ?? 0)
    workload.fill(scrapedValues, target + scrapes++, Date.now())
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8')
    response.end(workload.text(scrapedValues))
    return
  }
  response.setHeader('content-type', 'application/json')
  if (pathname === '/sd') {
    const groups = Array.from({ length: targetCount }, (_, i) => ({
      targets: [address],
      labels: { __param_target: String(i), job, instance: `app-${i}` },
    }))
    response.end(JSON.stringify(groups))
  } else if (pathname === '/control/targets') {
    growTo(Number(searchParams.get('count')))
    response.end('{}')
  } else if (pathname === '/control/stats') response.end(JSON.stringify(readStats()))
  else {
    response.statusCode = 404
    response.end()
  }
})
server.keepAliveTimeout = 60_000
server.listen(Number(port), '127.0.0.1')

process.once('SIGTERM', async () => {
  await Promise.race([
    Promise.all([senders?.stop(), naiveQueue?.stop()]),
    new Promise(resolve => setTimeout(resolve, 2000)),
  ])
  process.exit(0)
})
