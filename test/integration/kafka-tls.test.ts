import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { exposer } from '../../cli/exposer.js'
import { check, create } from '../../cli/topic.js'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { freePort } from '../../dev/local/ports.js'
import { createPublisher } from '../../producer/index.js'
import { checkTopic } from '../../shared/kafka/topics.js'
import { invoke } from '../cli/invoke.js'
import { Certificates } from '../support/certificates.js'
import { eventually } from '../support/eventually.js'
import { name, silent } from '../support/kafka.js'
import { kafkaConfigs } from '../support/kafka-configs.js'
import { expectLedgerToAddUp, readLedger } from '../support/ledger.js'

/** The broker requires TLS, a client certificate of its authority, and a password. */
const PASSWORD = 'secret of the exposer'
/** Passwords of a user that exists only for SCRAM, one per mechanism. */
const SCRAM = {
  'scram-sha-256': 'two hundred fifty-six',
  'scram-sha-512': 'five hundred and twelve',
}
/** The broker closes a connection after this time, unless the client has authenticated again. */
const SESSION_MS = 12_000
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
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
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'connections.max.reauth.ms': String(SESSION_MS),
      'sasl.mechanism.inter.broker.protocol': 'PLAIN',
      'listener.name.plaintext.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required username="exposer" password="${PASSWORD}" user_exposer="${PASSWORD}";`,
      'listener.name.plaintext.scram-sha-256.sasl.jaas.config': scram,
      'listener.name.plaintext.scram-sha-512.sasl.jaas.config': scram,
    },
  })
  // A request may alter a user only once.
  for (const [mechanism, password] of Object.entries(SCRAM))
    await alterUser('scrambled', `${mechanism.toUpperCase()}=[password=${password}]`)
})
afterAll(async () => {
  await kafka?.stop()
  certificates.remove()
})

const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'

/** Alters a user with kafka-configs.sh, as an operator does. */
async function alterUser(user: string, config: string): Promise<void> {
  const admin = configFile(
    'admin.properties',
    `security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location=${certificates.ca}
ssl.keystore.type=PEM
ssl.keystore.location=${client.both}
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="exposer" password="${PASSWORD}";
`,
  )
  const of = [
    '--bootstrap-server',
    kafka.brokers[0],
    '--command-config',
    admin,
    '--entity-type',
    'users',
  ]
  await kafkaConfigs(...of, '--entity-name', user, '--alter', '--add-config', config)
}

type Mechanism = (typeof MECHANISMS)[number]

const userOf = (mechanism: Mechanism) =>
  mechanism === 'plain'
    ? { mechanism, username: 'exposer', password: PASSWORD }
    : { mechanism, username: 'scrambled', password: SCRAM[mechanism] }

const configFile = (name: string, lines: string) => certificates.file(name, lines)
/** A valid configuration file with `password_file`. */
const valid = (mechanism: Mechanism = 'plain', { username, password } = userOf(mechanism)) =>
  configFile(
    `kafka-${mechanism}.yml`,
    `ssl: { ca_file: ca.pem, cert_file: client.pem, key_file: client.key }
sasl: { mechanism: ${mechanism}, username: ${username}, password_file: ${configFile(`password-${mechanism}`, `${password}\n`)} }
`,
  )
const cluster = (file: string) => [
  `--kafka.brokers=${kafka.brokers[0]}`,
  `--kafka.config.file=${file}`,
]

/** Runs an app that publishes every second and a shard, which authenticate with the mechanism. */
async function run(
  mechanism: Mechanism,
  work: (url: string, register: Registry) => Promise<void>,
): Promise<void> {
  const topic = name('secure')
  const flags = [...cluster(valid(mechanism)), `--kafka.topic=${topic}`]
  expect(await invoke(create, [...flags, '--partitions=2'])).toMatchObject({ code: 0 })
  expect(await invoke(check, flags)).toMatchObject({ code: 0 })
  const register = new Registry()
  const publisher = createPublisher({
    register,
    brokers: kafka.brokers,
    topic,
    job: 'secure',
    instance: 'a',
    interval: '1s',
    ssl: {
      ca: readFileSync(certificates.ca, 'utf8'),
      cert: readFileSync(client.cert, 'utf8'),
      key: readFileSync(client.key, 'utf8'),
    },
    sasl: userOf(mechanism),
    logger: silent,
  })
  const ending = new AbortController()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const web = [`--web.listen-address=127.0.0.1:${port}`, '--log.level=error']
  const running = invoke(exposer, [...flags, `--kafka.group=${topic}`, ...web], {
    signal: ending.signal,
  })
  try {
    await eventually(async () => expect((await fetch(`${url}/-/ready`)).status).toBe(200))
    await publisher.start()
    await work(url, register)
    await expectLedgerToAddUp(url)
  } finally {
    await publisher.stop()
    ending.abort()
    expect(await running).toMatchObject({ code: 0, error: undefined })
  }
}

test.each(MECHANISMS)(
  'a shard with TLS, a client certificate and a password of --kafka.config.file serves targets: %s',
  mechanism =>
    run(mechanism, url =>
      eventually(async () => {
        const response = await fetch(`${url}/target?job=secure&instance=a`)
        expect([response.status, await response.text()]).toEqual([
          200,
          expect.stringContaining('publisher_snapshots_total'),
        ])
      }),
    ),
)

test('with connections.max.reauth.ms no send fails and no snapshot is missed: connections authenticate again', () =>
  run('scram-sha-512', async (url, register) => {
    const published = SESSION_MS / 1000 + 3
    await eventually(async () => {
      const { total } = await readLedger(url)
      expect(total.published).toBeGreaterThan(published)
      expect(total.missed).toBe(0)
    })
    expect(await register.metrics()).toMatch(/^publisher_send_errors_total 0$/m)
  }))

test('TLS at a plaintext port, and a plaintext connection to a TLS port, are errors that say so', async () => {
  const plain = { brokers: inject('brokers'), ssl: true }
  await expect(checkTopic(plain, 'any')).rejects.toThrow(/does not respond to TLS/)
  const { brokers } = kafka
  await expect(checkTopic({ brokers }, 'any')).rejects.toThrow(/requires TLS|did not respond/)
})

test('an unknown authority and a missing client certificate are errors', async () => {
  const unknown = await invoke(check, cluster(configFile('unknown.yml', 'ssl: true\n')))
  expect(unknown.error?.message ?? unknown.stdout).toContain('is not trusted: set it as')
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

test.each([
  ['scram-sha-256', SCRAM['scram-sha-512']],
  ['scram-sha-512', 'guessed'],
  ['plain', SCRAM['scram-sha-512']],
] as const)(
  'a wrong password for %s is refused with what to check',
  async (mechanism, password) => {
    const file = valid(mechanism, { ...userOf(mechanism), username: 'scrambled', password })
    const refused = await invoke(check, cluster(file))
    expect(refused.code).not.toBe(0)
    expect(refused.error?.message ?? refused.stdout).toContain(
      'refuses the SASL login: check mechanism, user name and password',
    )
  },
)

test('the broker accepts TLS connections', async () => {
  const [host, port] = kafka.brokers[0].split(':')
  const socket = connect({ host, port: Number(port), ca: readFileSync(certificates.ca), cert: readFileSync(client.cert), key: readFileSync(client.key) }) // biome-ignore format: one line
  await new Promise((resolve, reject) =>
    socket.once('secureConnect', resolve).once('error', reject),
  )
  expect(socket.authorized).toBe(true)
  socket.destroy()
})
