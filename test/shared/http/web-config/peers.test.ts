import type { IncomingMessage } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type HandFed, oneCounter, partitionOf, path } from '../../../exposer/hand-fed.js'
import { ask } from './ask.js'
import type { Certificate } from './certificates.js'
import { app, headers, mapOf, neighbours, others, Shards, tlsOf, users } from './two-shards.js'

const shards = new Shards()
afterEach(() => shards.stop())
afterAll(() => shards.folder.remove())

describe('shards with TLS trust each other', () => {
  let authority: Certificate
  beforeAll(() => {
    authority = shards.folder.selfSigned('group-authority', 'DNS:authority')
  })
  const works = async ([asked]: [HandFed, HandFed], options: object = {}) => {
    const mine = { headers, rejectUnauthorized: false, ...options }
    const answer = await ask(asked.url + path(app), mine)
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('requests_total')])
    const list = await ask(`${asked.url}/sd`, mine)
    expect(list.status).toBe(200)
    expect(JSON.parse(list.text)).toHaveLength(1)
    const rows = await ask(`${asked.url}/api/v1/targets`, mine)
    expect([rows.status, JSON.parse(rows.text).data.shards.length]).toEqual([200, 2])
  }

  test('by a shared certificate, whatever its names', async () => {
    await works(
      await shards.pair(tlsOf(shards.folder.selfSigned('shared', 'DNS:exposer.example')) + users),
    )
    await works(
      await shards.pair(
        tlsOf(shards.folder.signed('shared-too', authority, 'DNS:exposer.example')) + users,
      ),
    )
  })

  test('by certificates with their addresses that a CA in client_ca_file issued', async () => {
    const rule = [
      'client_auth_type: RequireAndVerifyClientCert',
      `client_ca_file: ${authority.certFile}`,
    ]
    const [a, b] = ['of-a', 'of-b'].map(name => shards.folder.signed(name, authority))
    const prometheus = shards.folder.signed('prometheus', authority, 'DNS:prometheus')
    await works(await shards.pair(tlsOf(a, ...rule) + users, tlsOf(b, ...rule) + users), {
      cert: prometheus.cert,
      key: prometheus.key,
    })
  })

  test('by a CA certificate that follows their own in cert_file', async () => {
    const chained = (name: string) => {
      const one = shards.folder.signed(name, authority)
      return {
        ...one,
        certFile: shards.folder.write(`${name}-chain.pem`, one.cert + authority.cert),
      }
    }
    await works(
      await shards.pair(tlsOf(chained('chained-a')) + users, tlsOf(chained('chained-b')) + users),
    )
  })

  test('and send no credentials to an untrusted shard or without TLS', async () => {
    const [asked] = await shards.pair(
      tlsOf(shards.folder.selfSigned('one')) + users,
      tlsOf(shards.folder.selfSigned('two')) + users,
    )
    const mine = { headers, rejectUnauthorized: false }
    const answer = await ask(asked.url + path(app), mine)
    expect([answer.status, answer.text]).toEqual([
      502,
      expect.stringMatching(/self-signed certificate/),
    ])
    const seen: IncomingMessage[] = []
    asked.map = mapOf(asked.url, await shards.stranger(request => seen.push(request)))
    asked.services.group.forget()
    const clear = await ask(asked.url + path(app), mine)
    expect([clear.status, clear.text]).toEqual([502, expect.stringMatching(/in the clear/)])
    expect(seen).toEqual([])
  })

  test('by certificates of an authority in --web.peer-ca-file', async () => {
    shards.peers = { ca: authority.cert }
    const [a, b] = ['peer-a', 'peer-b'].map(name => shards.folder.signed(name, authority))
    await works(await shards.pair(tlsOf(a) + users, tlsOf(b) + users))
  })

  test('and not by an intermediate authority in cert_file: a public one has issued to anybody', async () => {
    const issuer = shards.folder.intermediate('issuer', authority)
    const chain = (name: string) => {
      const one = shards.folder.signed(name, issuer)
      return { ...one, certFile: shards.folder.write(`${name}-full.pem`, one.cert + issuer.cert) }
    }
    const [asked, owner] = await shards.pair(
      tlsOf(chain('honest')) + users,
      tlsOf(chain('anybody')) + users,
    )
    const answer = await ask(asked.url + path(app), { headers, rejectUnauthorized: false })
    expect([answer.status, answer.text]).toEqual([
      502,
      expect.stringMatching(/nor one of an authority in --web\.peer-ca-file/),
    ])
    expect(owner.web!.refused.credentials).toBe(0)
  })

  test('and a shard without TLS sends credentials to no https address that it cannot verify', async () => {
    shards.peers = {}
    const asked = await shards.start(users)
    asked.map = mapOf(asked.url, 'https://127.0.0.1:1')
    asked.assign(others)
    const answer = await ask(asked.url + path(app), { headers })
    expect([answer.status, answer.text]).toEqual([
      502,
      expect.stringMatching(/set --web\.peer-ca-file/),
    ])
  })

  test('only if the certificate names the advertised address', async () => {
    const named = shards.folder.signed('named', authority, 'DNS:elsewhere.example')
    const rule = [
      'client_auth_type: VerifyClientCertIfGiven',
      `client_ca_file: ${authority.certFile}`,
    ]
    const [asked] = await shards.pair(
      tlsOf(shards.folder.signed('asking', authority), ...rule) + users,
      tlsOf(named, ...rule) + users,
    )
    const answer = await ask(asked.url + path(app), { headers, rejectUnauthorized: false })
    expect([answer.status, answer.text]).toEqual([
      502,
      expect.stringMatching(/not in the cert's list/),
    ])
  })
})

describe('lists of the whole group', () => {
  let both: [HandFed, HandFed]
  beforeEach(async () => {
    both = await shards.pair(users)
    await both[0].append({ labels: neighbour, layout: oneCounter })
  })
  const neighbour = neighbours.find(labels => partitionOf(labels) !== partitionOf(app))!

  test.each(['/sd', '/api/v1/targets', '/api/v1/ledger'])(
    '%s is requested with the credentials of the client',
    async list => {
      for (const shard of both) {
        const answer = await ask(shard.url + list, { headers })
        expect(answer.status).toBe(200)
        expect(answer.text).toContain('"a:1"')
        expect(answer.text).toContain(`"${neighbour.instance}"`)
      }
    },
  )
})
