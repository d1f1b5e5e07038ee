import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { SdGroup } from '../../exposer/core/discovery.js'
import { HandFed, PARTITIONS, partitionOf } from './hand-fed.js'

const all = Array.from({ length: PARTITIONS }, (_, p) => p)
const apps = Array.from({ length: 8 }, (_, i) => ({ job: 'shop', instance: `a:${i}` }))
const shards: HandFed[] = []
let proxy: Server | undefined
afterEach(async () => {
  proxy?.close()
  proxy?.closeAllConnections()
  for (const shard of shards.splice(0)) await shard.stop()
})

/** A proxy at `/p/` that asks the shards in turn, with the prefix or without it. */
async function startProxy(removesPrefix: boolean): Promise<string> {
  let turn = 0
  proxy = createServer((incoming, outgoing) => {
    const path = removesPrefix ? incoming.url!.replace(/^\/p(?=\/|$)/, '') || '/' : incoming.url!
    const { hostname, port } = new URL(shards[turn++ % shards.length]!.url)
    const { headers, method } = incoming
    request({ hostname, port, path, method, headers }, answer => {
      outgoing.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(outgoing)
    }).end()
  })
  proxy.listen(0, '127.0.0.1')
  await new Promise(resolve => proxy!.once('listening', resolve))
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/p`
}

describe.each([
  ['removes the prefix', true],
  ['keeps the prefix', false],
])('behind a proxy that %s', (_, removesPrefix) => {
  test('the list, its targets at any shard, and the page work', async () => {
    const externalUrl = await startProxy(removesPrefix)
    for (let i = 0; i < 2; i++) shards.push(await HandFed.start({ externalUrl }))
    const [a, b] = shards as [HandFed, HandFed]
    a.map = b.map = () => ({
      stable: true,
      partitionCount: PARTITIONS,
      members: [
        { memberId: 'a', address: a.url, partitions: all.slice(0, 2) },
        { memberId: 'b', address: b.url, partitions: all.slice(2) },
      ],
    })
    a.assign(all.slice(0, 2))
    b.assign(all.slice(2))
    for (const labels of apps) await (partitionOf(labels) < 2 ? a : b).append({ labels })
    const groups = (await (await fetch(`${externalUrl}/sd`)).json()) as SdGroup[]
    expect(groups).toHaveLength(apps.length)
    for (const { targets, labels } of groups) {
      expect(labels.__metrics_path__).toBe('/p/target')
      const parameters = Object.entries(labels)
        .filter(([name]) => name.startsWith('__param_'))
        .map(([name, value]): [string, string] => [name.slice('__param_'.length), value])
      const url = `http://${targets[0]}${labels.__metrics_path__}?${new URLSearchParams(parameters)}`
      // Redirects to the owner are followed, as by Prometheus.
      for (const _ of shards) expect((await fetch(url)).status).toBe(200)
    }
    for (const path of ['/', '/metrics', '/telemetry', '/-/ready', '/api/v1/targets']) {
      expect([path, (await fetch(externalUrl + path)).status]).toEqual([path, 200])
    }
    const page = await fetch(externalUrl)
    expect(page.status).toBe(200)
    const [, script] = /src="([^"]+\.js)"/.exec(await page.text())!
    // Without the last slash the proxy that removes the prefix cannot be told from the root.
    const base = removesPrefix ? `${externalUrl}/` : page.url
    expect((await fetch(new URL(script!, base))).status).toBe(200)
  })
})

test('all paths are served at the root and under --web.route-prefix, and nowhere else', async () => {
  const externalUrl = 'http://metrics.example/outside'
  const shard = await HandFed.start({ externalUrl, routePrefix: '/inside' })
  shards.push(shard)
  shard.assign(all)
  for (const prefix of ['', '/inside'])
    for (const path of ['/sd', '/metrics', '/', '/target'])
      expect((await shard.get(prefix + path)).status).toBe(path === '/target' ? 400 : 200)
  expect((await shard.get('/outside/sd')).status).toBe(404)
  expect((await shard.get('/inside/inside/sd')).status).toBe(404)
  const bare = await shard.get('/inside')
  expect([bare.status, bare.headers.get('location')]).toEqual([302, '/inside/'])
  const text = await (await shard.get('/inside/telemetry')).text()
  expect(text).toContain('exposer_scrapes_total{path="/sd",code="200"} 2\n')
})

test('a prefix that is also a path hides no path', async () => {
  const shard = await HandFed.start({ externalUrl: 'http://metrics.example/metrics' })
  shards.push(shard)
  shard.assign(all)
  expect((await shard.get('/metrics')).status).toBe(200)
  expect((await shard.get('/metrics/sd')).status).toBe(200)
})
