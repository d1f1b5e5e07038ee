import { X509Certificate } from 'node:crypto'
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { checkServerIdentity, rootCertificates } from 'node:tls'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import type { TlsConfig } from '../../shared/http/web-config/load.js'

export interface PeerRequest {
  readonly method?: string
  readonly headers: OutgoingHttpHeaders
  /** Passed on where shards want credentials; nowhere else. */
  readonly authorization: string | undefined
  readonly signal: AbortSignal
}

/** Below what a shard keeps an idle connection for. */
const IDLE_MS = 60_000

/**
 * Asks other shards of the group over HTTP, with connections that are kept.
 *
 * Shards with TLS trust each other by: the public authorities, each certificate in their own `cert_file` and `client_ca_file`, and
 * the very certificate that they have themselves, whatever names are in it. They show that certificate when they are asked for one.
 */
export class PeerClient {
  readonly #plain = new Agent({ keepAlive: true, timeout: IDLE_MS })
  #secure: HttpsAgent

  constructor(private readonly web: LiveWebConfig | undefined) {
    this.#secure = agentFor(web?.current.tls)
    // What is being answered goes on by the agent before, whose idle connections end by themselves.
    web?.onChange(({ tls }) => {
      this.#secure = agentFor(tls)
    })
  }

  /** Whether shards, this one being one, answer only to known users. */
  get needCredentials(): boolean {
    return this.web?.users.demanded ?? false
  }

  /** The beginning of the answer, whatever its status. Rejects when there is none. */
  async ask(url: string, { authorization, headers, ...options }: PeerRequest): Promise<IncomingMessage> {
    const secure = url.startsWith('https:')
    if (this.needCredentials && this.web?.current.tls && !secure) {
      throw new Error(`it is reached at ${new URL(url).origin}, and no password is sent there in the clear: give it an https --web.advertise-address`) // biome-ignore format: one line
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
      // Closed by the other end just as it was used again.
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
