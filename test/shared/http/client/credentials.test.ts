import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { HttpClientOptions } from '../../../../shared/http/client/client.js'
import { clientOf, get, Peer } from './peer.js'

const folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-credentials-'))
const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
let peer: Peer
let status = 200
let tokenRequests: { authorization: string | undefined; form: string }[] = []

beforeAll(async () => {
  peer = await Peer.start((request, response) => {
    if (request.url !== '/token') return response.writeHead(status).end()
    let form = ''
    request.on('data', chunk => {
      form += chunk
    })
    request.on('end', () => {
      tokenRequests.push({ authorization: request.headers.authorization, form })
      const accepted = form.includes('client_secret=') || status === 200
      response.writeHead(accepted ? 200 : 401, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ access_token: `t${tokenRequests.length}`, expires_in: 60 }))
    })
  })
})
afterAll(async () => {
  await peer.stop()
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  status = 200
  tokenRequests = []
  peer.requests.length = 0
})

/** The Authorization headers of requests, one after the other. */
async function authorizations(
  config: unknown,
  options: Partial<HttpClientOptions> = {},
  between: (() => void)[] = [],
): Promise<(string | undefined)[]> {
  const client = clientOf(config, { folder, ...options })
  try {
    await get(client, peer.url())
    for (const change of between) {
      change()
      await get(client, peer.url())
    }
    return peer.requests
      .filter(({ url }) => url === '/metrics')
      .map(({ headers }) => headers.authorization)
  } finally {
    client.close()
  }
}
const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`

test.each([
  ['basic_auth', { basic_auth: { username: 'u', password: 'p:ä' } }, basic('u:p:ä')],
  ['basic_auth without a password', { basic_auth: { username: 'u' } }, basic('u:')],
  ['authorization', { authorization: { credentials: 'c' } }, 'Bearer c'],
  ['another type', { authorization: { type: 'Token', credentials: 'c' } }, 'Token c'],
  ['bearer_token', { bearer_token: 'b' }, 'Bearer b'],
  ['nothing', {}, undefined],
])('%s', async (_, config, expected) => {
  expect(await authorizations(config)).toEqual([expected])
})

test.each([
  ['password_file', { basic_auth: { username: 'u', password_file: 's' } }, basic('u:1')],
  ['username_file', { basic_auth: { username_file: 's', password: 'p' } }, basic('1:p')],
  ['credentials_file', { authorization: { credentials_file: 's' } }, 'Bearer 1'],
  ['bearer_token_file', { bearer_token_file: 's' }, 'Bearer 1'],
])('%s is read without its white space, and again after a second', async (_, config, first) => {
  write('s', '1\n')
  let mono = 0
  const sent = await authorizations(config, { mono: () => mono }, [
    () => write('s', ' 2 \n'),
    () => {
      mono = 1000
    },
  ])
  expect(sent[0]).toBe(first)
  expect(sent[1]).toBe(first)
  expect(sent[2]).not.toBe(first)
})

test('a header of a file', async () => {
  write('key', 'secret\n')
  await authorizations({ http_headers: { 'X-Key': { files: ['key'] } } })
  expect(peer.requests[0].headers['x-key']).toBe('secret')
})

test('a missing file is a failure that names it', async () => {
  await expect(authorizations({ bearer_token_file: 'missing' })).rejects.toMatchObject({
    kind: 'config',
    message: `unable to read authorization credentials file ${folder}/missing: open ${folder}/missing: no such file or directory`,
  })
})

describe('oauth2', () => {
  const config = (fields: object = {}) => ({
    oauth2: {
      client_id: 'id',
      client_secret: 'a/b',
      token_url: peer.url('/token').href,
      scopes: ['x', 'y'],
      endpoint_params: { audience: 'z' },
      ...fields,
    },
  })

  test('requests one token and uses it until shortly before it expires', async () => {
    let mono = 0
    const at = (ms: number) => () => {
      mono = ms
    }
    const sent = await authorizations(config(), { mono: () => mono }, [at(49_000), at(50_000)])
    expect(sent).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t2'])
    expect(tokenRequests[0]).toEqual({
      authorization: basic('id:a%2Fb'),
      form: 'grant_type=client_credentials&scope=x+y&audience=z',
    })
  })

  test('sends the secret in the body to an endpoint that refuses it in the header', async () => {
    status = 401
    expect(await authorizations(config())).toEqual(['Bearer t2'])
    expect(tokenRequests.map(({ form }) => form.includes('client_secret=a%2Fb'))).toEqual([
      false,
      true,
    ])
  })

  test('requests another token when the file of its secret has changed', async () => {
    write('oauth', 'one')
    let mono = 0
    const file = config({ client_secret: undefined, client_secret_file: 'oauth' })
    const sent = await authorizations(file, { mono: () => mono }, [
      () => {
        write('oauth', 'two')
        mono = 1000
      },
    ])
    expect(sent).toEqual(['Bearer t1', 'Bearer t2'])
    expect(tokenRequests[1].authorization).toBe(basic('id:two'))
  })
})
