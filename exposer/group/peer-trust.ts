import { X509Certificate } from 'node:crypto'
import { checkServerIdentity, type PeerCertificate, rootCertificates } from 'node:tls'
import type { TlsConfig } from '../../shared/http/web-config/load.js'

/** What a shard trusts when it connects to other shards, as options of an HTTPS agent. */
export interface PeerTrust {
  /** Certificates, PEM. Never empty: Node would trust the public authorities. */
  readonly ca: readonly string[]
  /** The own certificate is trusted although its issuer is not. */
  readonly allowPartialTrustChain: true
  readonly checkServerIdentity: (host: string, peer: PeerCertificate) => Error | undefined
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Pins the TLS of other shards: to the group's common certificate, or to certificates for their
 * addresses that were issued by a configured authority. These are the ones in `--web.peer-ca-file`,
 * in `client_ca_file`, and self-signed ones that follow the certificate in `cert_file`.
 *
 * Public authorities are not trusted, unless they are in `--web.peer-ca-file`: whoever joins the
 * group may advertise any address, and has a public certificate for it. An intermediate certificate
 * in `cert_file` is not trusted either, because it usually belongs to a public authority.
 *
 * @param peerCa content of `--web.peer-ca-file`
 * @returns undefined if nothing is configured: no shard can be verified
 */
export function peerTrust(
  tls: TlsConfig | undefined,
  peerCa: string | undefined,
): PeerTrust | undefined {
  const [own, ...following] = tls ? certificatesOf(tls.context.cert) : []
  const clientCa = tls?.context.ca === undefined ? [] : [tls.context.ca].flat().map(String)
  const ca = [
    ...(own === undefined ? [] : [own]),
    ...following.filter(isPrivateRoot),
    ...clientCa.flatMap(certificatesOf),
    ...certificatesOf(peerCa ?? ''),
  ]
  if (!ca.length) return undefined
  const fingerprint = own === undefined ? undefined : new X509Certificate(own).fingerprint256
  return {
    ca,
    allowPartialTrustChain: true,
    checkServerIdentity: (host, peer) =>
      peer.fingerprint256 === fingerprint ? undefined : checkServerIdentity(host, peer),
  }
}

/** The certificates of a PEM file. */
export const certificatesOf = (pem: string): string[] => pem.match(PEM) ?? []

function isPrivateRoot(pem: string): boolean {
  const certificate = new X509Certificate(pem)
  return certificate.checkIssued(certificate) && !publicRoots().has(certificate.fingerprint256)
}

let roots: Set<string> | undefined
function publicRoots(): Set<string> {
  roots ??= new Set(rootCertificates.map(pem => new X509Certificate(pem).fingerprint256))
  return roots
}
