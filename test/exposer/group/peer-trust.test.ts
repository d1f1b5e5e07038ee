import { rootCertificates } from 'node:tls'
import { expect, test } from 'vitest'
import { certificatesOf, peerTrust } from '../../../exposer/group/peer-trust.js'
import type { TlsConfig } from '../../../shared/http/web-config/load.js'
import { createCertificate } from '../../support/x509.js'

const root = createCertificate({ name: 'root', sans: 'DNS:root', ca: true })
const leaf = createCertificate({ name: 'leaf', sans: 'IP:127.0.0.1', ca: false, issuer: root })
const other = createCertificate({ name: 'other', sans: 'DNS:other', ca: true })
const tls = (cert: string, ca?: string): TlsConfig => ({
  context: { cert, key: leaf.key, ca },
  clientAuth: 'NoClientCert',
  allowedSans: undefined,
})
const pem = (text: string) => certificatesOf(text)[0]

test('a shard trusts its own certificate and configured authorities, and no public one', () => {
  const publicRoot = rootCertificates[0]!
  expect(peerTrust(tls(leaf.cert + publicRoot), undefined)!.ca).toEqual([pem(leaf.cert)])
  expect(peerTrust(tls(leaf.cert + root.cert), undefined)!.ca).toEqual(
    [leaf, root].map(c => pem(c.cert)),
  )
  expect(peerTrust(tls(leaf.cert, root.cert), other.cert)!.ca).toEqual(
    [leaf, root, other].map(c => pem(c.cert)),
  )
})

test('a public authority is trusted if --web.peer-ca-file names it', () => {
  const publicRoot = rootCertificates[0]!
  expect(peerTrust(undefined, publicRoot)!.ca).toEqual([pem(publicRoot)])
})

test('without any certificate nothing is trusted, not even what Node trusts by default', () => {
  expect(peerTrust(undefined, undefined)).toBeUndefined()
})
