import { HttpClientError } from './failure.js'
import type { OAuth2Fields } from './schema.js'
import type { Secret } from './secrets.js'
import type { HttpClient } from './types.js'

const TIMEOUT_MS = 10_000
const MAX_RESPONSE_BYTES = 64 * 1024
/** A token is not used in the last seconds of its life, ms. */
const MARGIN_MS = 10_000

interface Token {
  readonly text: string
  /** Monotonic ms. */
  readonly usableUntil: number
}

/**
 * Tokens of client credentials (RFC 6749, section 4.4). A token is used until shortly before it
 * expires, and concurrent requests share one request for a token.
 */
export class TokenSource {
  #token: Token | undefined
  #secretOfToken: string | undefined
  #requesting: Promise<Token> | undefined
  /** Where the endpoint expects the credentials; found out by the first request. */
  #style: 'header' | 'body' | undefined

  constructor(
    private readonly fields: OAuth2Fields,
    private readonly secret: Secret | undefined,
    private readonly client: HttpClient,
    private readonly mono: () => number,
  ) {}

  /** @throws HttpClientError */
  async authorization(): Promise<string> {
    const secret = (await this.secret?.text())?.trim() ?? ''
    let token = this.#token
    if (!token || this.mono() >= token.usableUntil || secret !== this.#secretOfToken) {
      this.#requesting ??= this.#request(secret).finally(() => {
        this.#requesting = undefined
      })
      token = await this.#requesting
    }
    return `Bearer ${token.text}`
  }

  async #request(secret: string): Promise<Token> {
    const styles = this.#style ? [this.#style] : (['header', 'body'] as const)
    for (const [attempt, style] of styles.entries()) {
      const sent = this.mono()
      const { status, body } = await this.#post(secret, style)
      if (status !== 200) {
        if (attempt + 1 < styles.length && status < 500) continue
        throw new HttpClientError(
          'config',
          `oauth2: cannot fetch token: the endpoint answers ${status}`,
        )
      }
      const { access_token: text, expires_in: lifetime } = fieldsOf(body)
      if (typeof text !== 'string' || text === '')
        throw new HttpClientError('config', 'oauth2: the response has no access_token')
      const seconds = Number(lifetime)
      const lifetimeMs = seconds > 0 ? seconds * 1000 : Number.POSITIVE_INFINITY
      this.#style = style
      this.#secretOfToken = secret
      this.#token = { text, usableUntil: sent + Math.max(lifetimeMs - MARGIN_MS, lifetimeMs / 2) }
      return this.#token
    }
    throw new HttpClientError('config', 'oauth2: cannot fetch token')
  }

  #post(secret: string, style: 'header' | 'body') {
    const { client_id: id, token_url: url, scopes, endpoint_params: parameters } = this.fields
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      ...(scopes.length && { scope: scopes.join(' ') }),
      ...parameters,
      ...(style === 'body' && { client_id: id, ...(secret && { client_secret: secret }) }),
    })
    // RFC 6749, section 2.3.1: both are encoded as in a form.
    const encoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
    const login = Buffer.from(`${encoded(id)}:${encoded(secret)}`).toString('base64')
    return this.client.request({
      method: 'POST',
      url: new URL(url),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        ...(style === 'header' && { authorization: `Basic ${login}` }),
      },
      body: Buffer.from(form.toString()),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_RESPONSE_BYTES,
    })
  }
}

function fieldsOf(body: Buffer): Record<string, unknown> {
  try {
    const fields: unknown = JSON.parse(body.toString())
    return typeof fields === 'object' && fields !== null ? (fields as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
