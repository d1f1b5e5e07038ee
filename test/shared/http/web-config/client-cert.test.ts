import { X509Certificate } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import {
  namesOf,
  refusalOf,
  type TlsClient,
} from '../../../../shared/http/web-config/client-cert.js'
import type { ClientAuthType } from '../../../../shared/http/web-config/schema.js'
import { Folder } from './certificates.js'

const folder = new Folder()
afterAll(() => folder.remove())

const nobody = { certificate: undefined, verified: false }
const self = { certificate: { subjectAltName: 'DNS:a.example' }, verified: false }
const known = { ...self, verified: true }
const refusal = (client: TlsClient, clientAuth: ClientAuthType, allowedSans?: string[]) =>
  refusalOf(client, { clientAuth, allowedSans })

describe('client certificates', () => {
  test.each([
    ['NoClientCert', true, true, true],
    ['RequestClientCert', true, true, true],
    ['RequireAnyClientCert', false, true, true],
    ['VerifyClientCertIfGiven', true, false, true],
    ['RequireAndVerifyClientCert', false, false, true],
  ] as const)(
    'by %s: nobody %s, self-signed %s, verified %s',
    (type, none, selfSigned, verified) => {
      expect([nobody, self, known].map(client => refusal(client, type) === undefined)).toEqual([
        none,
        selfSigned,
        verified,
      ])
    },
  )

  test('a certificate without an allowed name is refused, a missing optional one is not', () => {
    expect(refusal(known, 'RequireAndVerifyClientCert', ['b.example', 'a.example'])).toBeUndefined()
    expect(refusal(known, 'RequireAndVerifyClientCert', ['b.example'])).toMatch(
      /client_allowed_sans/,
    )
    expect(refusal(known, 'RequireAndVerifyClientCert', ['example'])).toMatch(/client_allowed_sans/)
    expect(refusal(known, 'RequireAndVerifyClientCert', [])).toMatch(/client_allowed_sans/)
    expect(refusal(nobody, 'VerifyClientCertIfGiven', ['b.example'])).toBeUndefined()
  })
})

test('names of all types are parsed', () => {
  const sans =
    'DNS:a.example,IP:10.0.0.1,IP:2001:db8::1,email:x@a.example,URI:spiffe://a.example/b,RID:1.2.3'
  const certificate = new X509Certificate(folder.selfSigned('many', sans).cert)
  const names = [
    'a.example',
    '10.0.0.1',
    '2001:DB8:0:0:0:0:0:1',
    'x@a.example',
    'spiffe://a.example/b',
  ]
  expect(namesOf(certificate.subjectAltName)).toEqual(names)
  const client = { certificate, verified: true }
  for (const san of [...names, '2001:db8::1']) {
    expect(refusal(client, 'RequireAndVerifyClientCert', [san])).toBeUndefined()
  }
  for (const san of ['2001:db8::2', '1.2.3', 'A.example', '*']) {
    expect(refusal(client, 'RequireAndVerifyClientCert', [san])).toBeDefined()
  }
})

test('a quoted name with a comma is one name', () => {
  const pretending = String.raw`URI:"spiffe://x, DNS:admin.example", DNS:"b\"c", DNS:d`
  expect(namesOf(pretending)).toEqual(['spiffe://x, DNS:admin.example', 'b"c', 'd'])
})
