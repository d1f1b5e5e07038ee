import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exposer } from '../../cli/exposer.js'
import { check, create } from '../../cli/topic.js'
import { type LocalKafka, startKafka } from '../../deploy/local/kafka.js'
import { freePort } from '../../deploy/local/ports.js'
import { createPublisher } from '../../producer/index.js'
import { invoke } from '../cli/invoke.js'
import { Certificates } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { silent } from '../support/kafka.js'
import { expectLedgerToAddUp } from '../support/ledger.js'

/** A broker that takes nobody without TLS, a client certificate of its authority, and a password. */
const PASSWORD = 'secret of the exposer'
let certificates: Certificates
let kafka: LocalKafka
let client: ReturnType<Certificates['issue']>
beforeAll(async () => {
  certificates = new Certificates()
  const broker = certificates.issue('broker')
  client = certificates.issue('client')
  kafka = await startKafka({
    own: true,
    properties: {
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_SSL',
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': broker.both,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': certificates.ca,
      'listener.name.plaintext.ssl.client.auth': 'required',
      'sasl.enabled.mechanisms': 'PLAIN',
      'sasl.mechanism.inter.broker.protocol': 'PLAIN',
      'listener.name.plaintext.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required username="exposer" password="${PASSWORD}" user_exposer="${PASSWORD}";`,
    },
  })
}, 120_000)
afterAll(async () => {
  await kafka?.stop()
  certificates.remove()
})

const configFile = (name: string, lines: string) => certificates.file(name, lines)
const good = () =>
  configFile(
    'kafka.yml',
    `ssl: { ca_file: ca.pem, cert_file: client.pem, key_file: client.key }\nsasl: { mechanism: plain, username: exposer, password_file: ${configFile('password', `${PASSWORD}\n`)} }\n`,
  )
const cluster = (file: string) => [`--kafka.brokers=${kafka.brokers[0]}`, `--kafka.config.file=${file}`]

test('a broker that demands TLS, a client certificate and a password gets them from --kafka.config.file', async () => {
  expect(await invoke(create, [...cluster(good()), '--partitions=2'])).toMatchObject({ code: 0 })
  expect(await invoke(check, cluster(good()))).toMatchObject({ code: 0 })
  const registry = new Registry()
  const publisher = createPublisher({
    register: registry,
    brokers: kafka.brokers,
    job: 'secure',
    instance: 'a',
    interval: '1s',
    ssl: {
      ca: readFileSync(certificates.ca, 'utf8'),
      cert: readFileSync(client.cert, 'utf8'),
      key: readFileSync(client.key, 'utf8'),
    },
    sasl: { mechanism: 'plain', username: 'exposer', password: PASSWORD },
    logger: silent,
  })
  const ending = new AbortController()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const running = invoke(
    exposer,
    [...cluster(good()), `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
    { signal: ending.signal },
  )
  try {
    await publisher.start()
    await eventually(async () => {
      const response = await fetch(`${url}/target?job=secure&instance=a`)
      expect([response.status, await response.text()]).toEqual([
        200,
        expect.stringContaining('publisher_snapshots_total'),
      ])
    })
    await expectLedgerToAddUp(url)
  } finally {
    await publisher.stop()
    ending.abort()
    expect(await running).toMatchObject({ code: 0, error: undefined })
  }
})

test('who does not know the authority is told so, and who brings no certificate is not let in', async () => {
  const unknown = await invoke(check, cluster(configFile('unknown.yml', 'ssl: true\n')))
  expect(unknown.error?.message ?? unknown.stdout).toContain('is not trusted here: give it in')
  const bare = await invoke(
    check,
    cluster(
      configFile(
        'bare.yml',
        `ssl: { ca_file: ca.pem }\nsasl: { mechanism: plain, username: exposer, password: "${PASSWORD}" }\n`,
      ),
    ),
  )
  expect(bare.code).not.toBe(0)
  expect(bare.error?.message ?? bare.stdout).not.toBe('')
})

test('what is on the wire is TLS', async () => {
  const [host, port] = kafka.brokers[0].split(':')
  const socket = connect({ host, port: Number(port), ca: readFileSync(certificates.ca), cert: readFileSync(client.cert), key: readFileSync(client.key) }) // biome-ignore format: one line
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  expect(socket.authorized).toBe(true)
  socket.destroy()
})
