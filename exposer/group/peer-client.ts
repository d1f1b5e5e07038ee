import { X509Certificate } from 'node:crypto'
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { checkServerIdentity, rootCertificates } from 'node:tls'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import type { TlsConfig } from '../../shared/http/web-config/load.js'

export interface PeerRequest {
  readonly method?: string
  readonly headers: OutgoingHttpHeaders
  /** Authorization header, sent only if shards require credentials. */
  readonly authorization: string | undefined
  readonly signal: AbortSignal
}

/** Shorter than the idle timeout of a shard's HTTP server. */
const IDLE_MS = 60_000

/**
 * HTTP client for the other shards of the group, with keep-alive connections.
 *
 * With TLS, a shard trusts the public certificate authorities, the certificates in its own
 * `cert_file` and `client_ca_file`, and its own certificate whatever names it has. It presents its
 * own certificate as client certificate.
 */
export class PeerClient {
  readonly #plain = new Agent({ keepAlive: true, timeout: IDLE_MS })
  #secure: HttpsAgent

  constructor(private readonly web: LiveWebConfig | undefined) {
    this.#secure = agentFor(web?.current.tls)
    // Requests in progress keep the previous agent, whose idle connections time out.
    web?.onChange(({ tls }) => {
      this.#secure = agentFor(tls)
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
    if (this.needCredentials && this.web?.current.tls && !secure) {
      throw new Error(`its address is ${new URL(url).origin}, and a password is not sent in the clear: set an https:// URL as its --web.advertise-address`) // biome-ignore format: one line
    }
    const credentials = this.needCredentials && authorization !== undefined ? { authorization } : {}
    const send = secure ? httpsRequest : request
    const attempt = () =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const agent = secure ? this.#secure : this.#plain
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
      throw error
    }
  }

  close(): void {
    this.#plain.destroy()
    this.#secure.destroy()
  }
}

function agentFor(tls: TlsConfig | undefined): HttpsAgent {
  const options: AgentOptions = { keepAlive: true, timeout: IDLE_MS }
  if (!tls) return new HttpsAgent(options)
  const { cert, key, ca } = tls.context
  const own = new X509Certificate(cert).fingerprint256
  return new HttpsAgent({
    ...options,
    cert,
    key,
    ca: [...rootCertificates, cert, ...(ca === undefined ? [] : [ca].flat())],
    allowPartialTrustChain: true,
    checkServerIdentity: (host, peer) =>
      peer.fingerprint256 === own ? undefined : checkServerIdentity(host, peer),
  })
}
