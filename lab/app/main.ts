import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { AppOptions, AppStats } from './options.js'
import { publish } from './publishing.js'
import { LabTarget } from './target.js'

/**
 * An app of the lab: `node main.js <port> <options as JSON>`. Its targets are scraped directly at `/metrics?target=0`, listed at `/sd`, and published as
 * the options say, all from the same registries.
 */
const [port, json] = process.argv.slice(2)
const options = JSON.parse(json) as AppOptions
const targets = Array.from(
  { length: options.targets },
  (_, i) => new LabTarget(options.job, `${options.instance}-${i}`, options),
)
const publishing = (await Promise.all(targets.map(target => publish(target, options)))).flat()
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const loop = monitorEventLoopDelay({ resolution: 10 })
loop.enable()

async function stats(collectGarbage: boolean): Promise<AppStats> {
  if (collectGarbage) gc()
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
  const counts = await Promise.all(publishing.map(one => one.counts()))
  const sum = (of: (one: (typeof counts)[number]) => number) =>
    counts.reduce((total, one) => total + of(one), 0)
  const figures = {
    rssBytes: rss,
    heldBytes: heapUsed + external + arrayBuffers,
    bufferedBytes: sum(one => one.bufferedBytes),
    loopDelayP99Ms: loop.percentile(99) / 1e6,
    loopDelayMaxMs: loop.max / 1e6,
    collected: sum(one => one.collected),
    superseded: sum(one => one.superseded),
    sendErrors: sum(one => one.sendErrors),
  }
  loop.reset()
  return figures
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
  if (pathname === '/control/stats') return send(JSON.stringify(await stats(searchParams.has('gc'))))
  if (pathname === '/control/alarm') {
    for (const one of targets) one.alarm()
    return send('{}')
  }
  if (pathname === '/control/explode' && target) {
    target.explode(Number(searchParams.get('series')))
    return send('{}')
  }
  response.statusCode = 404
  response.end()
})
server.listen(Number(port), '127.0.0.1')

process.once('SIGTERM', async () => {
  await Promise.race([
    Promise.all(publishing.map(one => one.stop())),
    new Promise(resolve => setTimeout(resolve, 2000)),
  ])
  process.exit(0)
})
