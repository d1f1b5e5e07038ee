import { readFileSync, renameSync } from 'node:fs'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Certificates } from '../../../support/certificates.js'
import { clientOf, get, Peer } from './peer.js'

const authority = new Certificates()
const foreign = new Certificates()
const server = authority.issue('server')
const user = authority.issue('user')
const pem = (path: string) => readFileSync(path, 'utf8')
let peer: Peer

beforeAll(async () => {
  const tls = { key: pem(server.key), cert: pem(server.cert), ca: pem(authority.ca) }
  peer = await Peer.start(
    (request, response) =>
      response.end((request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? 'none'),
    { ...tls, requestCert: true, rejectUnauthorized: false },
  )
})
afterAll(async () => {
  await peer.stop()
  authority.remove()
  foreign.remove()
})

/** The name of the client's certificate, as the server sees it. */
async function nameSeen(tls_config: object, options: object = {}): Promise<string> {
  const client = clientOf({ tls_config }, options)
  try {
    return (await get(client, peer.url())).body.toString()
  } finally {
    client.close()
  }
}

test('a server is verified by the CA of the configuration, in the file or inline', async () => {
  expect(await nameSeen({ ca_file: authority.ca })).toBe('none')
  expect(await nameSeen({ ca: pem(authority.ca) })).toBe('none')
  expect(await nameSeen({ ca_file: 'ca.pem' }, { folder: authority.folder })).toBe('none')
})

test('a server of another CA is refused unless verification is skipped', async () => {
  await expect(nameSeen({ ca_file: foreign.ca })).rejects.toMatchObject({
    kind: 'tls',
    message: 'tls: failed to verify certificate: x509: certificate signed by unknown authority',
  })
  await expect(nameSeen({})).rejects.toMatchObject({ kind: 'tls' })
  expect(await nameSeen({ insecure_skip_verify: true })).toBe('none')
})

test('the certificate is checked against server_name', async () => {
  const ca_file = authority.ca
  expect(await nameSeen({ ca_file, server_name: 'localhost' })).toBe('none')
  await expect(nameSeen({ ca_file, server_name: 'other.example' })).rejects.toMatchObject({
    kind: 'tls',
    message: expect.stringContaining('other.example'),
  })
})

test('a client certificate is sent', async () => {
  const tls = { ca_file: authority.ca, cert_file: user.cert, key_file: user.key }
  expect(await nameSeen(tls)).toBe('user')
  const inline = { ca_file: authority.ca, cert: pem(user.cert), key: pem(user.key) }
  expect(await nameSeen(inline)).toBe('user')
})

test('a renewed client certificate is used by the next request', async () => {
  const old = authority.issue('old')
  const renewed = authority.issue('renewed')
  let mono = 0
  const tls_config = { ca_file: authority.ca, cert_file: old.cert, key_file: old.key }
  const client = clientOf({ tls_config }, { mono: () => mono })
  try {
    expect((await get(client, peer.url())).body.toString()).toBe('old')
    renameSync(renewed.cert, old.cert)
    renameSync(renewed.key, old.key)
    mono = 1000
    expect((await get(client, peer.url())).body.toString()).toBe('renewed')
  } finally {
    client.close()
  }
})

test('a version that the server does not speak is a TLS failure', async () => {
  const tls = { key: pem(server.key), cert: pem(server.cert), minVersion: 'TLSv1.3' } as const
  const modern = await Peer.start((_, response) => response.end(), tls)
  const client = clientOf({ tls_config: { ca_file: authority.ca, max_version: 'TLS12' } })
  try {
    await expect(get(client, modern.url())).rejects.toMatchObject({ kind: 'tls' })
  } finally {
    client.close()
    await modern.stop()
  }
})
