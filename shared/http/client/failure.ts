import type { ClientFailure } from './types.js'

export class HttpClientError extends Error implements ClientFailure {
  override readonly name = 'HttpClientError'

  constructor(
    readonly kind: ClientFailure['kind'],
    message: string,
  ) {
    super(message.replace(/\s*\n\s*/g, ' '))
  }
}

/** Texts of Go for the errors of connections, which users of Prometheus know. */
const CONNECTION_TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'i/o timeout',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EPIPE: 'broken pipe',
}

const CERTIFICATE_TEXTS: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'x509: certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'x509: certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'x509: certificate signed by unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'x509: certificate signed by unknown authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'x509: certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'x509: certificate has expired',
  CERT_NOT_YET_VALID: 'x509: certificate is not yet valid',
}

type SystemError = NodeJS.ErrnoException & {
  readonly address?: string
  readonly port?: number
  readonly hostname?: string
  readonly errors?: readonly Error[]
}

/** The failure for an error of a socket, of TLS or of the HTTP parser. */
export function failureOf(error: Error): HttpClientError {
  if (error instanceof HttpClientError) return error
  // An address with several IP addresses fails with one error for each.
  const system = ((error as SystemError).errors?.[0] ?? error) as SystemError
  const code = system.code ?? ''
  if (system.syscall === 'getaddrinfo' || code === 'ENOTFOUND') {
    const reason = code === 'ENOTFOUND' ? 'no such host' : code || system.message
    return new HttpClientError('connect', `dial tcp: lookup ${system.hostname}: ${reason}`)
  }
  if (system.syscall === 'connect') {
    const reason = CONNECTION_TEXTS[code] ?? system.message
    return new HttpClientError('connect', `dial tcp ${addressOf(system)}: connect: ${reason}`)
  }
  if (code in CERTIFICATE_TEXTS || code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const reason = CERTIFICATE_TEXTS[code] ?? `x509: ${system.message}`
    return new HttpClientError('tls', `tls: failed to verify certificate: ${reason}`)
  }
  if (/wrong version number/.test(system.message)) {
    return new HttpClientError('tls', 'tls: first record does not look like a TLS handshake')
  }
  if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code)) {
    return new HttpClientError('tls', `tls: ${system.message}`)
  }
  if (code.startsWith('HPE_')) {
    return new HttpClientError('closed', `malformed HTTP response: ${system.message}`)
  }
  // Node.js says so when the peer closes the connection before or within a response.
  if (code === 'ECONNRESET' && /socket hang up|aborted|disconnected/.test(system.message)) {
    return new HttpClientError('closed', 'EOF')
  }
  return new HttpClientError('closed', CONNECTION_TEXTS[code] ?? system.message)
}

function addressOf({ address, port }: SystemError): string {
  const host = address?.includes(':') ? `[${address}]` : address
  return port === undefined ? `${host}` : `${host}:${port}`
}
