import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import type { TlsConfig } from '../../shared/http/web-config/load.js'
import { peerTrust } from './peer-trust.js'

export interface PeerRequest {
  readonly method?: string
  readonly headers: OutgoingHttpHeaders
  /** Authorization header, sent only if shards require credentials. */
  readonly authorization: string | undefined
  readonly signal: AbortSignal
}

export interface PeerOptions {
  /** Content of `--web.peer-ca-file`: authorities of the shards' certificates, PEM. */
  readonly ca?: string | undefined
  /** Whether credentials may be sent to shards over plain HTTP. Default: false. */
  readonly credentialsOverHttp?: boolean
}

/** Shorter than the idle timeout of a shard's HTTP server. */
const IDLE_MS = 60_000

/**
 * HTTP client for the other shards of the group, with keep-alive connections.
 *
 * Addresses of shards are member metadata: whoever may join the group chooses its own. Credentials
 * are therefore sent only to shards that TLS has verified (`peerTrust`), and over plain HTTP only
 * if a flag says so. A redirect is never followed. With TLS, a shard presents its own certificate
 * as client certificate.
 */
export class PeerClient {
  readonly #plain = new Agent({ keepAlive: true, timeout: IDLE_MS })
  /** Undefined: no shard can be verified. */
  #secure: HttpsAgent | undefined

  constructor(
    private readonly web: LiveWebConfig | undefined,
    private readonly options: PeerOptions = {},
  ) {
    this.#secure = agentFor(web?.current.tls, options.ca)
    // Requests in progress keep the previous agent, whose idle connections time out.
    web?.onChange(({ tls }) => {
      this.#secure = agentFor(tls, options.ca)
    })
  }

  /** Whether the shards of the group require credentials. All have the same web configuration. */
  get needCredentials(): boolean {
    return this.web?.users.required ?? false
  }

  /**
   * Resolves with the response once its headers have arrived, for any status code. Rejects if there
   * is no response.
   */
  async request(
    url: string,
    { authorization, headers, ...options }: PeerRequest,
  ): Promise<IncomingMessage> {
    const secure = url.startsWith('https:')
    const agent = secure ? this.#secure : this.#plain
    if (!agent) {
      throw new Error(
        'its certificate cannot be verified, because this shard has no TLS of its own: set --web.peer-ca-file',
      )
    }
    if (!secure) this.#refuseInTheClear()
    const credentials = this.needCredentials && authorization !== undefined ? { authorization } : {}
    const send = secure ? httpsRequest : request
    const attempt = () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const sent = send(url, { ...options, headers: { ...headers, ...credentials }, agent })
        sent.once('response', resolve)
        sent.on('error', error => reject(Object.assign(error, { reused: sent.reusedSocket })))
        sent.end()
      })
    try {
      return await attempt()
    } catch (error) {
      const { code, reused } = error as NodeJS.ErrnoException & { reused?: boolean }
      // The other shard closed the idle connection while it was being reused.
      if (reused && code === 'ECONNRESET' && !options.signal.aborted) return attempt()
      throw explain(error)
    }
  }

  /** @throws Error if credentials are required, and may not be sent over plain HTTP */
  #refuseInTheClear(): void {
    if (!this.needCredentials) return
    if (this.web?.current.tls) {
      throw new Error(
        'its address is not https, and a password is not sent in the clear: set an https:// URL as its --web.advertise-address',
      )
    }
    if (!this.options.credentialsOverHttp) {
      throw new Error(
        'a password is not sent in the clear: configure TLS in --web.config.file, or set --web.peer-credentials-over-http if the network and all members of the group are trusted',
      )
    }
  }

  close(): void {
    this.#plain.destroy()
    this.#secure?.destroy()
  }
}

function agentFor(tls: TlsConfig | undefined, peerCa: string | undefined): HttpsAgent | undefined {
  const trust = peerTrust(tls, peerCa)
  if (!trust) return undefined
  const { cert, key } = tls?.context ?? {}
  return new HttpsAgent({
    keepAlive: true,
    timeout: IDLE_MS,
    cert,
    key,
    ...trust,
    ca: [...trust.ca],
  })
}

/** Errors of certificates that no configured authority has issued. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

function explain(error: unknown): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException
  if (!UNTRUSTED.has(code)) return error
  return new Error(
    `${message}: it does not have this shard's certificate, nor one of an authority in --web.peer-ca-file or client_ca_file`,
  )
}
