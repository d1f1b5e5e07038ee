import { writeFileSync } from 'node:fs'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freePort } from '../../dev/local/ports.js'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { type Answer, ask, basic } from '../shared/http/web-config/ask.js'
import { type Certificate, Folder } from '../shared/http/web-config/certificates.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'
import { startShard } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'

const APPS = 12
const folder = new Folder()
const shards: Exposer[] = []
const apps: SteadyApp[] = []
let authority: Certificate
let client: Certificate
let prometheus: LocalPrometheus

/** Starts a shard that requires a client certificate and a password and has its own certificate. */
const shard = async (
  certificate: string,
  settings: { topic: string; group: string },
  port: number,
) => {
  folder.signed(certificate, authority)
  const webConfigFile = folder.write(
    `${certificate}.yml`,
    `tls_server_config:
  cert_file: ${certificate}.pem
  key_file: ${certificate}.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: authority.pem
basic_auth_users:
  prometheus: ${hashSync('secret', 10)}
`,
  )
  const listen = { host: '127.0.0.1', port }
  const externalUrl = shards[0]?.url ?? url(port)
  const one = await startShard(settings, { listen, externalUrl, webConfigFile }, asUser)
  shards.push(one)
}
const url = (port: number) => `https://127.0.0.1:${port}`
const asUser = (address: string): Promise<Answer> =>
  ask(address, {
    ca: authority.cert,
    cert: client.cert,
    key: client.key,
    headers: basic('prometheus', 'secret'),
  })
const get = (path: string, at: Exposer): Promise<Answer> => asUser(at.url + path)

const binary = await partOrSkip('prometheus')
beforeEach(({ skip }) => skip(binary === null))

beforeAll(async () => {
  if (binary === null) return
  authority = folder.selfSigned('authority', 'DNS:authority')
  client = folder.signed('client', authority, 'DNS:prometheus')
  const settings = { topic: await newTopic(6), group: name('web-config') }
  for (const certificate of ['one', 'two']) await shard(certificate, settings, await freePort())
  for (let i = 0; i < APPS; i++) {
    const labels = { job: 'secured', instance: `app-${i}` }
    const options = { labels, intervalMs: 5000 }
    apps.push(new SteadyApp(newSender(settings.topic), options).start())
  }
  await eventually(async () => {
    for (const one of shards) {
      expect((await get('/-/ready', one)).status).toBe(200)
      expect((await get('/sd?scope=shard', one)).headers['x-exposer-partitions']).toMatch(/\d/)
    }
  })
  const secured = {
    tls_config: {
      ca_file: authority.certFile,
      cert_file: client.certFile,
      key_file: client.keyFile,
    },
    basic_auth: { username: 'prometheus', password: 'secret' },
  }
  prometheus = await startPrometheus({
    config: {
      global: {
        // A scrape that a busy machine delays is no failure of a certificate.
        scrape_interval: '3s',
        scrape_timeout: '3s',
        scrape_protocols: ['PrometheusText1.0.0'],
      },
      scrape_configs: [
        {
          job_name: 'kafka',
          ...secured,
          // All targets are listed at the first shard, which owns only some of them.
          http_sd_configs: [{ url: `${shards[0].url}/sd`, refresh_interval: '1s', ...secured }],
        },
      ],
    },
  })
})

afterAll(async () => {
  await Promise.all(apps.map(one => one.stop()))
  await prometheus?.stop()
  await Promise.all(shards.map(one => one.stop()))
  folder.remove()
})

const value = async (promql: string) => Number((await prometheus.query(promql))[0]?.value[1])
const answeredScrapes = async (at: Exposer) => {
  const { text } = await get('/telemetry', at)
  return Number(/^exposer_scrapes_total\{path="\/target",code="200"\} (\d+)$/m.exec(text)?.[1] ?? 0)
}

test('Prometheus scrapes every target over TLS with a password, through a shard that owns only some of them', async () => {
  await eventually(async () => expect(await value('count(up{job="secured"} == 1)')).toBe(APPS))
  const [asked, owner] = shards
  await eventually(async () => expect(await answeredScrapes(owner)).toBeGreaterThan(0))
  // The forwarding shard counts its response after the owner has counted its own.
  await eventually(async () =>
    expect(await answeredScrapes(asked)).toBeGreaterThan(await answeredScrapes(owner)),
  )
  const listed = (await prometheus.targets()).map(target => new URL(target.scrapeUrl).origin)
  expect(new Set(listed)).toEqual(new Set([asked.url]))
})

test('renewed certificates fail no scrape, neither of Prometheus nor between shards', async () => {
  const since = Date.now()
  const serials = async () =>
    Promise.all(shards.map(async one => (await get('/-/healthy', one)).serial))
  const before = await serials()
  for (const certificate of ['one', 'two']) {
    const renewed = folder.signed(`${certificate}-renewed`, authority)
    writeFileSync(`${folder.path}/${certificate}.pem`, renewed.cert)
    writeFileSync(`${folder.path}/${certificate}.key`, renewed.key)
  }
  await eventually(async () => {
    for (const [i, serial] of (await serials()).entries()) expect(serial).not.toBe(before[i])
  })
  const scraped = await answeredScrapes(shards[1])
  await eventually(async () =>
    expect(await answeredScrapes(shards[1])).toBeGreaterThan(scraped + APPS),
  )
  const seconds = Math.ceil((Date.now() - since) / 1000)
  expect(await value(`min(min_over_time(up{job="secured"}[${seconds}s]))`)).toBe(1)
})

test('requests without the password or without the certificate are refused', async () => {
  const wrong = {
    ca: authority.cert,
    cert: client.cert,
    key: client.key,
    headers: basic('prometheus', 'x'),
  }
  expect((await ask(`${shards[0].url}/sd`, wrong)).status).toBe(401)
  await expect(ask(`${shards[0].url}/sd`, { ca: authority.cert })).rejects.toThrow()
})
