import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { LoadBalancer } from '../../../dev/local/load-balancer.js'
import { eventually } from '../../support/eventually.js'

const servers: Server[] = []
const balancers: LoadBalancer[] = []

/** A shard that is ready, and answers other requests with `answer`. */
async function shard(name: string, answer: RequestListener = (_, response) => response.end(name)) {
  const server = createServer((request, response) => {
    if (request.url === '/-/ready') response.end('ready')
    else answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push(server)
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function balance(...urls: string[]): Promise<LoadBalancer> {
  const balancer = await LoadBalancer.start()
  balancers.push(balancer)
  balancer.setBackends(urls)
  return balancer
}

function close(server: Server): void {
  server.close()
  server.closeAllConnections()
}

const textOf = async (url: string) => (await fetch(url)).text()

afterEach(async () => {
  await Promise.all(balancers.splice(0).map(balancer => balancer.stop()))
  for (const server of servers.splice(0)) close(server)
})

describe('the load balancer', () => {
  test('distributes requests over all shards', async () => {
    const { url } = await balance((await shard('a')).url, (await shard('b')).url)
    await eventually(async () => {
      const bodies = new Set<string>()
      for (let i = 0; i < 4; i++) bodies.add(await textOf(url))
      expect(bodies).toEqual(new Set(['a', 'b']))
    })
  })

  test('retries a GET request whose shard dies before it responds', async () => {
    let onRequest = () => {}
    const requested = new Promise<void>(resolve => {
      onRequest = resolve
    })
    const dying = await shard('dying', () => onRequest())
    const { url } = await balance(dying.url, (await shard('other')).url)
    const bodies = Promise.all(Array.from({ length: 4 }, () => textOf(url)))
    await requested
    close(dying.server)
    expect(await bodies).toEqual(['other', 'other', 'other', 'other'])
    expect(await textOf(url)).toBe('other')
  })

  test('passes redirects to the client', async () => {
    const target = 'http://127.0.0.1:1/target?job=a'
    const redirecting = await shard('a', (_, response) =>
      response.writeHead(307, { location: target }).end(),
    )
    const { url } = await balance(redirecting.url)
    const answer = await fetch(`${url}/target?job=a`, { redirect: 'manual' })
    expect([answer.status, answer.headers.get('location')]).toEqual([307, target])
  })

  test('does not complete a response that its shard has not completed', async () => {
    const breaking = await shard('a', (_, response) => {
      response.write('half of')
      setImmediate(() => response.destroy())
    })
    const { url } = await balance(breaking.url)
    await expect(textOf(url)).rejects.toThrow()
  })

  test('forwards query, headers and status unchanged', async () => {
    const echo = await shard('a', (request, response) => {
      response.writeHead(418, { 'x-seen': `${request.url} ${request.headers.accept}` }).end()
    })
    const { url } = await balance(echo.url)
    const answer = await fetch(`${url}/target?job=a%20b`, { headers: { accept: 'text/plain' } })
    expect([answer.status, answer.headers.get('x-seen')]).toEqual([
      418,
      '/target?job=a%20b text/plain',
    ])
  })

  test('responds with 503 and the reason if no shard responds', async () => {
    const dead = await shard('a')
    close(dead.server)
    const { url } = await balance(dead.url)
    const answer = await fetch(url)
    expect(answer.status).toBe(503)
    expect(await answer.text()).toMatch(/no exposer shard responds .*ECONNREFUSED/)
  })

  test('listens on another port if the preferred one is in use', async () => {
    const first = await balance()
    const port = Number(new URL(first.url).port)
    const second = await LoadBalancer.start(port)
    balancers.push(second)
    expect(second.url).not.toBe(first.url)
  })
})
