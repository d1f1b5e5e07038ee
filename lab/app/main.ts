import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { AppOptions, AppStats } from './options.js'
import { startPublishers } from './publishing.js'
import { LabTarget } from './target.js'

/**
 * An instrumented application: `node main.js <port> <options as JSON>`. `/metrics?target=<n>`
 * exposes target n, `/sd` lists the targets for HTTP service discovery. The publishers read the
 * same registries.
 */
const [port, json] = process.argv.slice(2)
const options = JSON.parse(json) as AppOptions
const targets = Array.from(
  { length: options.targets },
  (_, i) => new LabTarget(options.job, `${options.instance}-${i}`, options),
)
const publishers = (
  await Promise.all(targets.map(target => startPublishers(target, options)))
).flat()
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const loopDelay = monitorEventLoopDelay({ resolution: 10 })
loopDelay.enable()

async function readStats(): Promise<AppStats> {
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
  const counts = await Promise.all(publishers.map(publisher => publisher.counts()))
  const sum = (field: keyof (typeof counts)[number]) =>
    counts.reduce((total, publisherCounts) => total + publisherCounts[field], 0)
  const stats = {
    rssBytes: rss,
    heapBytes: heapUsed + external + arrayBuffers,
    bufferedBytes: sum('bufferedBytes'),
    loopDelayP99Ms: loopDelay.percentile(99) / 1e6,
    loopDelayMaxMs: loopDelay.max / 1e6,
    collected: sum('collected'),
    superseded: sum('superseded'),
    sendErrors: sum('sendErrors'),
  }
  loopDelay.reset()
  return stats
}

const address = `127.0.0.1:${port}`
const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url!, `http://${address}`)
  const target = targets[Number(searchParams.get('target') ?? 0)]
  const send = (body: string, type = 'application/json') => {
    response.setHeader('content-type', type)
    response.end(body)
  }
  if (pathname === '/metrics' && target) {
    return send(await target.register.metrics(), 'text/plain; version=0.0.4; charset=utf-8')
  }
  if (pathname === '/sd') {
    return send(
      JSON.stringify(
        targets.map(({ job, instance }, i) => ({
          targets: [address],
          labels: { __param_target: String(i), job, instance },
        })),
      ),
    )
  }
  if (pathname === '/control/stats') {
    if (searchParams.has('gc')) collectGarbage()
    return send(JSON.stringify(await readStats()))
  }
  if (pathname === '/control/alert') {
    for (const alerting of targets) alerting.setAlert()
    return send('{}')
  }
  if (pathname === '/control/add-series' && target) {
    target.addSeries(Number(searchParams.get('count')))
    return send('{}')
  }
  response.statusCode = 404
  response.end()
})
server.listen(Number(port), '127.0.0.1')

process.once('SIGTERM', async () => {
  await Promise.race([
    Promise.all(publishers.map(publisher => publisher.stop())),
    new Promise(resolve => setTimeout(resolve, 2000)),
  ])
  process.exit(0)
})
