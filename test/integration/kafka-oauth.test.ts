import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { clientCredentials } from '../../shared/kafka/client-credentials.js'
import { createSender } from '../../shared/kafka/sender.js'
import { checkTopic, createTopic } from '../../shared/kafka/topics.js'
import type { KafkaConfig } from '../../shared/kafka/types.js'
import { eventually } from '../support/eventually.js'
import { name, silent, TestMembers } from '../support/kafka.js'

/*
 * The brokers are real and accept unsigned tokens, which is Kafka's default for OAUTHBEARER. The
 * token endpoint is a fake: signatures, key sets and the answers of real identity providers are not
 * covered.
 */

/** Lifetime of a token, and therefore of a session at the brokers, seconds. */
const LIFETIME_S = 5
const SECRET = 'half & half'

let kafka: LocalKafka
let endpoint: Server
let tokenUrl: string
let issued = 0
/** Changes the claims of the tokens. */
let claims: object = {}
const members = new TestMembers()

beforeAll(async () => {
  const jaas = (module: string, options: string) =>
    `org.apache.kafka.common.security.${module}.${options};`
  kafka = await startKafka({
    own: true,
    properties: {
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN,OAUTHBEARER',
      'sasl.mechanism.inter.broker.protocol': 'PLAIN',
      'connections.max.reauth.ms': '60000',
      'listener.name.plaintext.plain.sasl.jaas.config': jaas(
        'plain',
        'PlainLoginModule required username="admin" password="admin" user_admin="admin"',
      ),
      'listener.name.plaintext.oauthbearer.sasl.jaas.config': jaas(
        'oauthbearer',
        'OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"',
      ),
    },
  })
  endpoint = createServer((request, response) => {
    const expected = `Basic ${Buffer.from('app:half+%26+half').toString('base64')}`
    if (request.headers.authorization !== expected) {
      response.writeHead(401).end('{"error":"invalid_client"}')
      return
    }
    issued++
    const now = Math.floor(Date.now() / 1000)
    const encoded = [{ alg: 'none' }, { sub: 'app', iat: now, exp: now + LIFETIME_S, ...claims }]
      .map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    response.end(JSON.stringify({ access_token: `${encoded}.`, expires_in: LIFETIME_S }))
  })
  await new Promise<void>(resolve => endpoint.listen(0, '127.0.0.1', resolve))
  tokenUrl = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/token`
})
beforeEach(() => {
  issued = 0
  claims = {}
})
afterEach(() => members.stopAll())
afterAll(async () => {
  endpoint?.close()
  await kafka?.stop()
})

const login = (clientSecret = SECRET, url = tokenUrl): KafkaConfig => ({
  brokers: kafka.brokers,
  sasl: {
    mechanism: 'oauthbearer',
    token: clientCredentials({ tokenUrl: url, clientId: 'app', clientSecret }),
    extensions: { logicalCluster: 'lkc-1' },
  },
})

test('a sender and a member log in with tokens, again before these expire, and lose no record', async () => {
  const topic = name('oauth')
  await createTopic(login(), { topic, partitions: 2, replicationFactor: 1, retentionMs: 3_600_000 })
  const { listener } = await members.start({ topic, group: name('group'), kafka: login() })
  const sender = createSender({ kafka: login(), topic, logger: silent, sendTimeout: 5_000 })
  try {
    const began = performance.now()
    let sent = 0
    await eventually(async () => {
      await sender.send(Buffer.from('k'), [Buffer.from(String(sent))])
      sent++
      expect(performance.now() - began).toBeGreaterThan(2.5 * LIFETIME_S * 1000)
    })
    await eventually(() => {
      const values = listener.records.map(({ record }) => record.value?.toString())
      expect(values).toEqual(Array.from({ length: sent }, (_, i) => String(i)))
    })
    // One function for each of the three clients. Connections share the tokens of their client.
    expect(issued).toBeLessThan(3 * 5)
  } finally {
    await sender.disconnect()
  }
})

test('a token that the broker refuses is an error that says so', async () => {
  claims = { exp: Math.floor(Date.now() / 1000) - 60 }
  await expect(checkTopic(login(), 'any')).rejects.toThrow(
    /refuses the OAuth token \(invalid_token\).*check the token endpoint/,
  )
})

test('the errors of the token endpoint name it and what to check', async () => {
  await expect(checkTopic(login('guessed'), 'any')).rejects.toThrow(
    /token endpoint http:.* answers 401 \(invalid_client\): check client id/,
  )
  const closed = 'http://127.0.0.1:1/token'
  await expect(checkTopic(login(SECRET, closed), 'any')).rejects.toThrow(
    /token endpoint http:\/\/127\.0\.0\.1:1\/token cannot be reached .*check its URL/,
  )
})
