import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { TlsConfig } from './load.js'

/** What a handshake told of the client. */
export interface Client {
  readonly certificate: Pick<X509Certificate, 'subjectAltName'> | undefined
  /** Whether an authority that the server knows issued it. */
  readonly verified: boolean
}

/**
 * Why a client is not let in, or undefined when it is.
 *
 * @see https://pkg.go.dev/crypto/tls#ClientAuthType
 */
export function refusalOf(
  { certificate, verified }: Client,
  { clientAuth, allowedSans }: Pick<TlsConfig, 'clientAuth' | 'allowedSans'>,
): string | undefined {
  if (clientAuth === 'NoClientCert') return undefined
  if (!certificate) return clientAuth.startsWith('Require') ? 'it has no certificate' : undefined
  if (clientAuth.includes('Verify') && !verified)
    return 'no authority of client_ca_file issued its certificate'
  if (!allowedSans) return undefined
  const names = namesOf(certificate.subjectAltName)
  const allowed = allowedSans.map(canonical)
  return names.some(name => allowed.includes(canonical(name)))
    ? undefined
    : 'none of the names in its certificate is among client_allowed_sans'
}

const KINDS = ['DNS', 'IP Address', 'email', 'URI']

/**
 * The names in a certificate that can be allowed, from how Node.js writes them: `DNS:a.example, IP Address:10.0.0.1`, with quotes
 * where a name has characters that mean something there.
 */
export function namesOf(subjectAltName: string | undefined): string[] {
  const names: string[] = []
  for (const [, kind, written] of (subjectAltName ?? '').matchAll(
    /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/g,
  )) {
    if (!KINDS.includes(kind.trim())) continue
    names.push(written.startsWith('"') ? (JSON.parse(written) as string) : written)
  }
  return names
}

/** Addresses of IPv6 are written in many ways. */
function canonical(name: string): string {
  return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name
}
