import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bypassesProxy } from '../../../../shared/http/client/no-proxy.js'
import type { HttpClient } from '../../../../shared/http/client/types.js'
import { Certificates } from '../../../support/certificates.js'
import { clientOf, get, Peer } from './peer.js'

const authority = new Certificates()
const { key, cert } = authority.issue('server')
const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
const clients: HttpClient[] = []
let proxy: Peer
let target: Peer
let refuses = false
let tunnels: (string | undefined)[] = []

beforeAll(async () => {
  target = await Peer.start((_, response) => response.end('secure'), tls)
  proxy = await Peer.start((request, response) => response.end(`by proxy: ${request.url}`))
  proxy.server.on('connect', (request, socket) => {
    tunnels.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim())
    if (refuses) return socket.end('HTTP/1.1 407 No\r\n\r\n')
    const upstream = connect(target.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
  })
})
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
  refuses = false
  tunnels = []
})
afterAll(async () => {
  await proxy.stop()
  await target.stop()
  authority.remove()
})
const client = (...args: Parameters<typeof clientOf>) => {
  const created = clientOf(...args)
  clients.push(created)
  return created
}

test('plain requests are sent to the proxy with the whole URL', async () => {
  const proxy_url = `http://user:p%40ss@127.0.0.1:${proxy.port}`
  const { body } = await get(client({ proxy_url }), new URL('http://app.example:8080/metrics?a=b'))
  expect(body.toString()).toBe('by proxy: http://app.example:8080/metrics?a=b')
  expect(proxy.requests.at(-1)!.headers).toMatchObject({
    host: 'app.example:8080',
    'proxy-authorization': `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
  })
})

test('TLS goes through a tunnel, which is reused', async () => {
  const proxy_url = proxy.url('').href
  const proxy_connect_header = { 'Proxy-Authorization': ['Bearer x'] }
  const tls_config = { ca_file: authority.ca }
  const http = client({ proxy_url, proxy_connect_header, tls_config })
  for (let i = 0; i < 2; i++) expect((await get(http, target.url())).body.toString()).toBe('secure')
  expect(tunnels).toEqual([`127.0.0.1:${target.port} Bearer x`])
})

test('a proxy that refuses the tunnel is a failed connection', async () => {
  refuses = true
  const http = client({ proxy_url: proxy.url('').href, tls_config: { ca_file: authority.ca } })
  await expect(get(http, target.url())).rejects.toMatchObject({
    kind: 'connect',
    message: `the proxy 127.0.0.1:${proxy.port} answers 407`,
  })
})

test('the environment names a proxy by scheme, if the configuration asks for it', async () => {
  const proxyEnvironment = { http_proxy: `127.0.0.1:${proxy.port}`, no_proxy: 'direct.invalid' }
  const http = client({ proxy_from_environment: true }, { proxyEnvironment })
  const { body } = await get(http, new URL('http://app.example/'))
  expect(body.toString()).toBe('by proxy: http://app.example/')
  await expect(get(http, new URL('http://direct.invalid/'))).rejects.toThrow('lookup')
  const without = client({}, { proxyEnvironment })
  await expect(get(without, new URL('http://app.invalid/'))).rejects.toThrow('lookup')
})

describe('no_proxy', () => {
  test.each([
    ['example.org', 'http://example.org/', true],
    ['example.org', 'http://sub.example.org/', true],
    ['example.org', 'http://notexample.org/', false],
    ['.example.org', 'http://example.org/', false],
    ['.example.org', 'http://sub.example.org/', true],
    ['*.example.org', 'http://sub.example.org/', true],
    ['example.org:8080', 'http://example.org:8080/', true],
    ['example.org:8080', 'http://example.org/', false],
    ['example.org:80', 'http://example.org/', true],
    ['example.org:443', 'https://example.org/', true],
    ['10.1.2.3', 'http://10.1.2.3/', true],
    ['10.0.0.0/8', 'http://10.1.2.3/', true],
    ['10.0.0.0/33', 'http://10.1.2.3/', false],
    ['10.0.0.0/8', 'http://11.1.2.3/', false],
    ['fd00::/8', 'http://[fd00::1]/', true],
    ['[fd00::1]:80', 'http://[fd00:0::1]/', true],
    ['a, b ,example.org', 'http://example.org/', true],
    ['*', 'http://anything/', true],
    ['', 'http://anything/', false],
    ['', 'http://localhost/', true],
    ['', 'http://127.8.8.8/', true],
    ['', 'http://[::1]/', true],
  ])('%j for %s: %s', (list, url, expected) => {
    expect(bypassesProxy(new URL(url), list)).toBe(expected)
  })
})
