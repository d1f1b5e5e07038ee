import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { LoadBalancer } from '../../../dev/local/load-balancer.js'
import { eventually } from '../../support/eventually.js'

const servers: Server[] = []
const fronts: LoadBalancer[] = []

/** A shard that is ready and answers the rest as told. */
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

async function front(...urls: string[]): Promise<LoadBalancer> {
  const it = await LoadBalancer.start()
  fronts.push(it)
  it.serve(urls)
  return it
}

function close(server: Server): void {
  server.close()
  server.closeAllConnections()
}

const textOf = async (url: string) => (await fetch(url)).text()

afterEach(async () => {
  await Promise.all(fronts.splice(0).map(it => it.stop()))
  for (const server of servers.splice(0)) close(server)
})

describe('the front of the shards', () => {
  test('asks every shard in turn', async () => {
    const { url } = await front((await shard('a')).url, (await shard('b')).url)
    await eventually(async () => {
      const heard = new Set<string>()
      for (let i = 0; i < 4; i++) heard.add(await textOf(url))
      expect(heard).toEqual(new Set(['a', 'b']))
    })
  })

  test('no request fails when a shard dies while it is being asked', async () => {
    let tellAsked = () => {}
    const asked = new Promise<void>(resolve => {
      tellAsked = resolve
    })
    const dying = await shard('dying', () => tellAsked())
    const { url } = await front(dying.url, (await shard('other')).url)
    const answers = Promise.all(Array.from({ length: 4 }, () => textOf(url)))
    await asked
    close(dying.server)
    expect(await answers).toEqual(['other', 'other', 'other', 'other'])
    expect(await textOf(url)).toBe('other')
  })

  test('redirects and their status are passed through', async () => {
    const target = 'http://127.0.0.1:1/target?job=a'
    const redirecting = await shard('a', (_, response) => response.writeHead(307, { location: target }).end())
    const { url } = await front(redirecting.url)
    const answer = await fetch(`${url}/target?job=a`, { redirect: 'manual' })
    expect([answer.status, answer.headers.get('location')]).toEqual([307, target])
  })

  test('an answer that breaks off does not look whole', async () => {
    const breaking = await shard('a', (_, response) => {
      response.write('half of')
      setImmediate(() => response.destroy())
    })
    const { url } = await front(breaking.url)
    await expect(textOf(url)).rejects.toThrow()
  })

  test('query, headers and status reach both sides unchanged', async () => {
    const echo = await shard('a', (request, response) => {
      response.writeHead(418, { 'x-seen': `${request.url} ${request.headers.accept}` }).end()
    })
    const { url } = await front(echo.url)
    const answer = await fetch(`${url}/target?job=a%20b`, { headers: { accept: 'text/plain' } })
    expect([answer.status, answer.headers.get('x-seen')]).toEqual([418, '/target?job=a%20b text/plain'])
  })

  test('without any shard it says so with a 503', async () => {
    const gone = await shard('a')
    close(gone.server)
    const { url } = await front(gone.url)
    const answer = await fetch(url)
    expect(answer.status).toBe(503)
    expect(await answer.text()).toMatch(/no exposer shard answers .*ECONNREFUSED/)
  })

  test('the preferred port when it is free, any other when it is taken', async () => {
    const first = await front()
    const port = Number(new URL(first.url).port)
    const second = await LoadBalancer.start(port)
    fronts.push(second)
    expect(second.url).not.toBe(first.url)
  })
})
