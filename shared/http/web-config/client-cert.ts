import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { TlsConfig } from './load.js'

/** The client's certificate, as known after the handshake. */
export interface TlsClient {
  readonly certificate: Pick<X509Certificate, 'subjectAltName'> | undefined
  /** Whether it was issued by a CA that the server trusts. */
  readonly verified: boolean
}

/**
 * Returns why a client is refused, or undefined if it is accepted.
 *
 * @see https://pkg.go.dev/crypto/tls#ClientAuthType
 */
export function refusalOf(
  { certificate, verified }: TlsClient,
  { clientAuth, allowedSans }: Pick<TlsConfig, 'clientAuth' | 'allowedSans'>,
): string | undefined {
  if (clientAuth === 'NoClientCert') return undefined
  if (!certificate)
    return clientAuth.startsWith('Require') ? 'the client has no certificate' : undefined
  if (clientAuth.includes('Verify') && !verified)
    return 'the client certificate was not issued by a CA of client_ca_file'
  if (!allowedSans) return undefined
  const names = namesOf(certificate.subjectAltName)
  const allowed = allowedSans.map(canonical)
  return names.some(name => allowed.includes(canonical(name)))
    ? undefined
    : 'the client certificate has no name of client_allowed_sans'
}

const NAME_TYPES = ['DNS', 'IP Address', 'email', 'URI']

/**
 * Parses Node's `subjectAltName`, such as `DNS:a.example, IP Address:10.0.0.1`. Names with special
 * characters are quoted.
 */
export function namesOf(subjectAltName: string | undefined): string[] {
  const names: string[] = []
  for (const [, type, text] of (subjectAltName ?? '').matchAll(
    /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/g,
  )) {
    if (!NAME_TYPES.includes(type.trim())) continue
    names.push(text.startsWith('"') ? (JSON.parse(text) as string) : text)
  }
  return names
}

/** Normalizes IPv6 addresses, which have several spellings. */
function canonical(name: string): string {
  return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name
}
