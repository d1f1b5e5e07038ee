import { X509Certificate } from 'node:crypto'
import { rmSync } from 'node:fs'
import { Agent } from 'node:https'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { hashSync } from 'bcryptjs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ClientAuthType } from '../../../../shared/http/web-config/schema.js'
import { HandFed } from '../../../exposer/hand-fed.js'
import { eventually } from '../../../support/eventually.js'
import { ask, basic } from './ask.js'
import { type Certificate, Folder } from './certificates.js'

const folder = new Folder()
let server: Certificate
let authority: Certificate
let known: Certificate
let stranger: Certificate
beforeAll(() => {
  server = folder.selfSigned('server', 'IP:127.0.0.1,DNS:localhost')
  authority = folder.selfSigned('authority', 'DNS:authority')
  known = folder.signed('known', authority, 'DNS:prometheus.example')
  stranger = folder.selfSigned('stranger', 'DNS:prometheus.example')
})
afterAll(() => folder.remove())

const HASH = hashSync('secret', 4)
const USERS = `basic_auth_users:\n  alice: ${HASH}\n`
const tls = (...lines: string[]) =>
  `${['tls_server_config:', 'cert_file: server.pem', 'key_file: server.key', ...lines].join('\n  ')}\n`

let shard: HandFed | undefined
const start = async (...sections: string[]): Promise<HandFed> => {
  shard = await HandFed.start({ webConfigFile: folder.write('web.yml', sections.join('')) })
  return shard
}
afterEach(async () => {
  await shard?.stop()
  shard = undefined
})

const healthy = (options: object = {}) =>
  ask(`${shard!.url}/-/healthy`, { ca: server.cert, ...options })
const by = ({ cert, key }: Certificate) => ({ cert, key })

describe('a server with TLS', () => {
  test('answers over TLS only, with its certificate', async () => {
    await start(tls())
    expect(shard!.url).toMatch(/^https:/)
    const answer = await healthy()
    expect(answer.status).toBe(200)
    expect(answer.serial).toBe(new X509Certificate(server.cert).serialNumber)
    await expect(ask(`${shard!.url}/-/healthy`)).rejects.toThrow(/self-signed/)
    await expect(ask(shard!.url.replace('https', 'http'))).rejects.toThrow()
  })

  test('uses the configured TLS versions', async () => {
    await start(tls('min_version: TLS13'))
    await expect(healthy({ maxVersion: 'TLSv1.2' })).rejects.toThrow(/version/)
    expect((await healthy()).status).toBe(200)
  })

  test('uses the configured cipher suites and curves, and those of TLS 1.3', async () => {
    await start(
      tls(
        'cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]',
        'curve_preferences: [CurveP384]',
      ),
    )
    const cipherOf = (options: object) =>
      new Promise<string>((resolve, reject) => {
        const { port } = new URL(shard!.url)
        const socket = connectTls(
          { host: '127.0.0.1', port: Number(port), ca: server.cert, ...options },
          () => {
            resolve(socket.getCipher().name)
            socket.destroy()
          },
        ).on('error', reject)
      })
    expect(await cipherOf({ maxVersion: 'TLSv1.2' })).toBe('ECDHE-ECDSA-AES256-GCM-SHA384')
    await expect(
      cipherOf({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }),
    ).rejects.toThrow()
    expect(await cipherOf({})).toMatch(/^TLS_/)
    await expect(cipherOf({ ecdhCurve: 'X25519' })).rejects.toThrow()
  })

  test('stops although a client never completes its handshake', async () => {
    const mute = await start(tls())
    const socket = connect(Number(new URL(mute.url).port), '127.0.0.1')
    await new Promise(resolve => socket.once('connect', resolve))
    const closed = new Promise(resolve => socket.once('close', resolve))
    shard = undefined
    await mute.stop()
    await closed
  })
})

describe('client certificates', () => {
  /**
   * Whether a client is accepted: without a certificate, with an untrusted one, with a trusted one.
   */
  const accepted = async () => {
    const outcomes = [{}, by(stranger), by(known)].map(credentials =>
      healthy(credentials).then(
        answer => answer.status === 200,
        () => false,
      ),
    )
    return Promise.all(outcomes)
  }

  test.each([
    ['RequestClientCert', [true, true, true]],
    ['RequireAnyClientCert', [false, true, true]],
    ['VerifyClientCertIfGiven', [true, false, true]],
    ['RequireAndVerifyClientCert', [false, false, true]],
  ] as [ClientAuthType, boolean[]][])('by %s', async (type, expected) => {
    await start(tls(`client_auth_type: ${type}`, 'client_ca_file: authority.pem'))
    expect(await accepted()).toEqual(expected)
    expect(shard!.web!.refused.client_certificate).toBe(
      expected.filter(isAccepted => !isAccepted).length,
    )
  })

  test('need an allowed name if client_allowed_sans is set', async () => {
    const rule = ['client_auth_type: RequireAndVerifyClientCert', 'client_ca_file: authority.pem']
    await start(tls(...rule, 'client_allowed_sans: [prometheus.example]'))
    expect((await healthy(by(known))).status).toBe(200)
    folder.write('web.yml', tls(...rule, 'client_allowed_sans: [other.example]'))
    await eventually(() => expect(healthy(by(known))).rejects.toThrow())
  })

  test('that were refused are not accepted by resuming the session', async () => {
    await start(
      tls('client_auth_type: RequireAndVerifyClientCert', 'client_ca_file: authority.pem'),
    )
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const who of [{}, by(stranger)]) {
        const agent = new Agent({ ca: server.cert, ...who, maxVersion, maxCachedSessions: 10 })
        for (let i = 0; i < 3; i++) await expect(healthy({ agent })).rejects.toThrow()
        agent.destroy()
      }
    }
    expect(shard!.web!.refused.client_certificate).toBe(12)
  })

  test('are required after a reload, without a restart', async () => {
    await start(tls())
    expect(await accepted()).toEqual([true, true, true])
    folder.write(
      'web.yml',
      tls('client_auth_type: RequireAndVerifyClientCert', 'client_ca_file: authority.pem'),
    )
    await eventually(async () => expect(await accepted()).toEqual([false, false, true]))
  })
})

describe('users', () => {
  const PATHS = [
    '/-/healthy',
    '/-/ready',
    '/',
    '/target?job=a',
    '/sd',
    '/metrics',
    '/telemetry',
    '/nowhere',
  ]

  test('are required at all paths, also without TLS', async () => {
    await start(USERS)
    for (const path of PATHS) {
      const answer = await ask(shard!.url + path)
      expect([path, answer.status]).toEqual([path, 401])
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm=/)
    }
    for (const path of ['/-/healthy', '/telemetry', '/']) {
      expect((await ask(shard!.url + path, { headers: basic('alice', 'secret') })).status).toBe(200)
    }
    expect(
      (await ask(`${shard!.url}/-/healthy`, { headers: basic('alice', 'wrong') })).status,
    ).toBe(401)
    expect(shard!.web!.refused.credentials).toBe(PATHS.length + 1)
    expect(shard!.log).toContainEqual(
      expect.objectContaining({ level: 'warn', message: expect.stringContaining('in cleartext') }),
    )
  })

  test('with cached credentials cause no bcrypt comparison', async () => {
    // With cost 12, a second comparison would take several turns of the event loop.
    await start(`basic_auth_users:\n  alice: ${hashSync('secret', 12)}\n`)
    const headers = basic('alice', 'secret')
    expect((await ask(`${shard!.url}/-/healthy`, { headers })).status).toBe(200)
    const { users } = shard!.web!
    const verdict = users.judge(headers.authorization)
    let turns = 0
    const turning = setInterval(() => turns++, 1)
    expect(await verdict).toBe('known')
    clearInterval(turning)
    expect(turns).toBe(0)
  })

  test('are changed by a reload, also for open connections', async () => {
    await start(tls(), USERS)
    const agent = new Agent({ ca: server.cert, keepAlive: true, maxSockets: 1 })
    const status = async (user: string, password: string) =>
      (await healthy({ agent, headers: basic(user, password) })).status
    try {
      expect([await status('alice', 'secret'), await status('bob', 'other')]).toEqual([200, 401])
      folder.write('web.yml', `${tls()}basic_auth_users:\n  bob: ${hashSync('other', 4)}\n`)
      await eventually(async () =>
        expect([await status('alice', 'secret'), await status('bob', 'other')]).toEqual([401, 200]),
      )
    } finally {
      agent.destroy()
    }
  })
})

describe('headers that are configured', () => {
  test('are in all responses, also those to refused requests', async () => {
    await start('http_server_config:\n  headers:\n    X-Content-Type-Options: nosniff\n', USERS)
    for (const headers of [{}, basic('alice', 'secret')]) {
      const answer = await ask(`${shard!.url}/telemetry`, { headers })
      expect(answer.headers['x-content-type-options']).toBe('nosniff')
    }
  })
})

describe('a changed configuration', () => {
  const telemetry = async () => (await ask(`${shard!.url}/telemetry`, { ca: server.cert })).text
  const serial = async () => (await healthy({ rejectUnauthorized: false })).serial

  test('with a new certificate applies to the next connection', async () => {
    const first = folder.selfSigned('rotating')
    await start('tls_server_config:\n  cert_file: rotating.pem\n  key_file: rotating.key\n')
    const second = folder.selfSigned('rotating')
    expect(first.cert).not.toBe(second.cert)
    await eventually(async () =>
      expect(await serial()).toBe(new X509Certificate(second.cert).serialNumber),
    )
  })

  test('that is invalid leaves the previous one in effect, and is logged once and counted', async () => {
    await start(tls())
    const before = await serial()
    expect(await telemetry()).toContain('exposer_web_config_last_reload_successful 1\n')
    folder.write('web.yml', 'tls_server_config: {cert_file: missing.pem, key_file: server.key}\n')
    await eventually(async () =>
      expect(await telemetry()).toContain(
        'exposer_web_config_reloads_total{outcome="failure"} 1\n',
      ),
    )
    expect(await telemetry()).toContain('exposer_web_config_last_reload_successful 0\n')
    expect(await serial()).toBe(before)
    const errors = shard!.log.filter(line => line.level === 'error')
    expect(errors).toHaveLength(1)
    expect(errors[0].fields?.problems).toMatch(/cert_file: ENOENT/)
    // Create the missing file, and change nothing else.
    const late = folder.selfSigned('late')
    folder.write('missing.pem', late.cert)
    folder.write('server.key', late.key)
    try {
      await eventually(async () =>
        expect(await serial()).toBe(new X509Certificate(late.cert).serialNumber),
      )
    } finally {
      folder.write('server.key', server.key)
      rmSync(`${folder.path}/missing.pem`)
    }
  })

  test('that would disable TLS is refused', async () => {
    await start(tls())
    folder.write('web.yml', '')
    await eventually(() => expect(shard!.web!.reloads.failure).toBe(1))
    expect((await healthy()).status).toBe(200)
    expect(shard!.log.at(-1)?.fields?.problems).toMatch(/only by a restart/)
  })
})
