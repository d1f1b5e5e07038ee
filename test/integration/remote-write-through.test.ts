import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { startPrometheus } from '../../dev/local/prometheus.js'
import { parseRemoteWriteFile } from '../../shared/remote-write/config.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'
import { startShard } from '../support/shards.js'
import { WriteCapture } from '../support/write-capture.js'
import { newWriteTopic, startWriteGateway } from '../support/write-topic.js'

const prometheus = await partOrSkip('prometheus')
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** An application that has a series in each second scrape only, and one with a time of its own. */
async function startApp() {
  let scrapes = 0
  const server = createServer((_, response) => {
    const odd = ++scrapes % 2 === 1 ? 'sometimes 1\n' : ''
    response.setHeader('Content-Type', 'text/plain; version=0.0.4')
    response.end(
      `# HELP random Numbers.\n# TYPE random gauge\nrandom ${Math.random()}\nnan NaN\ntimed 1 ${Date.now() - 1000}\n${odd}`,
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const stop = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  stops.push(stop)
  const { port } = server.address() as AddressInfo
  return { address: `127.0.0.1:${port}`, stop, scrapes: () => scrapes }
}

const PROTOBUF = {
  '1.0': 'prometheus.WriteRequest',
  '2.0': 'io.prometheus.write.v2.Request',
} as const

describe.skipIf(prometheus === null).each(['1.0', '2.0'] as const)(
  'what Prometheus writes to a gateway, sent with protocol %s',
  protocol => {
    test('arrives at another receiver bit for bit: times, stale markers, native histograms, up', async () => {
      const writes = await newWriteTopic()
      const gateway = await startWriteGateway(writes)
      stops.push(() => gateway.stop())
      const [first, second] = [await WriteCapture.start(), await WriteCapture.start()]
      stops.push(
        () => first.stop(),
        () => second.stop(),
      )
      const shard = await startShard(
        { topic: await newTopic(1), group: name('through') },
        {
          remoteWrite: {
            ...parseRemoteWriteFile(
              JSON.stringify({
                remote_write: [
                  {
                    url: second.url,
                    name: 'second',
                    protobuf_message: PROTOBUF[protocol],
                    send_exemplars: true,
                    send_native_histograms: true,
                    queue_config: { batch_send_deadline: '100ms', max_samples_per_send: 50 },
                  },
                ],
              }),
            ),
            playout: false,
            writesTopic: writes,
            proxyEnvironment: {},
          },
        },
      )
      stops.push(() => shard.stop())
      // Sending begins now, which has to be before the first sample.
      await eventually(async () => {
        const text = await (await fetch(`${shard.url}/telemetry`)).text()
        expect(text).toContain(
          `\nexposer_remote_write_partitions{remote="second",topic="${writes}"} 4\n`,
        )
      })
      const app = await startApp()
      const remote = (url: string) => ({
        url,
        protobuf_message: PROTOBUF['2.0'],
        send_native_histograms: true,
        send_exemplars: true,
        queue_config: { batch_send_deadline: '100ms', max_samples_per_send: 100, min_shards: 3 },
      })
      const config = (self: string[]) => ({
        global: { scrape_interval: '500ms', external_labels: { cluster: 'c1' } },
        scrape_configs: [
          { job_name: 'app', static_configs: [{ targets: [app.address] }] },
          { job_name: 'self', static_configs: [{ targets: self }] },
        ],
        remote_write: [remote(`${gateway.url}/api/v1/write`), remote(first.url)],
      })
      const agent = await startPrometheus({
        agent: true,
        flags: ['--enable-feature=native-histograms'],
        config: config([]),
      })
      stops.push(() => agent.stop())
      await agent.reload(config([new URL(agent.url).host]))
      await eventually(() => {
        expect(app.scrapes()).toBeGreaterThan(8)
        expect(first.written.histograms).toBeGreaterThan(3)
      })
      await app.stop()
      await eventually(async () => {
        const down = [...first.written.matching(/__name__=up,.*job=app/).values()]
        expect(down.flatMap(samples => [...samples.values()]).length).toBeGreaterThan(8)
      })
      await agent.child.stop('SIGTERM', 30_000)
      await eventually(() => expect(second.written.lines()).toEqual(first.written.lines()))
      expect(second.written.histograms).toBeGreaterThan(3)
      expect([...first.errors, ...second.errors]).toEqual([])
    }, 120_000)
  },
)
