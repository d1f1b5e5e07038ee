import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { KafkaError } from './errors.js'

/** OAuth client credentials (RFC 6749, section 4.4). */
export interface ClientCredentials {
  /** URL of the token endpoint. */
  readonly tokenUrl: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope?: string
  /** CA of the token endpoint, PEM. Default: the CAs of Node. */
  readonly ca?: string
}

const TIMEOUT_MS = 5_000
const MAX_RESPONSE_BYTES = 64 * 1024
/** Share of its lifetime during which a token is reused. */
const REUSED_SHARE = 0.8
/** RFC 6749 only recommends that the response has a lifetime. */
const DEFAULT_LIFETIME_S = 60

/**
 * Returns a function that requests tokens of the endpoint. It reuses a token for 80 % of its
 * lifetime, and concurrent calls share one request.
 *
 * @param mono monotonic milliseconds
 */
export function clientCredentials(
  credentials: ClientCredentials,
  mono: () => number = () => performance.now(),
): () => Promise<string> {
  let token = ''
  let usableUntil = Number.NEGATIVE_INFINITY
  let requesting: Promise<string> | null = null
  const request = async () => {
    const sent = mono()
    const response = await requestToken(credentials)
    token = response.token
    usableUntil = sent + response.lifetimeSeconds * 1000 * REUSED_SHARE
    return token
  }
  return async () => {
    if (mono() < usableUntil) return token
    requesting ??= request().finally(() => {
      requesting = null
    })
    return requesting
  }
}

interface TokenResponse {
  readonly token: string
  readonly lifetimeSeconds: number
}

async function requestToken(credentials: ClientCredentials): Promise<TokenResponse> {
  const { tokenUrl, clientId, clientSecret, scope } = credentials
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope && { scope }) })
  // RFC 6749, section 2.3.1: both are encoded as in a form.
  const login = [clientId, clientSecret].map(text => formEncoded(text)).join(':')
  const { status, body } = await post(credentials, form.toString(), {
    authorization: `Basic ${Buffer.from(login).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  })
  const fields = fieldsOf(body)
  if (status !== 200) {
    const reason = typeof fields.error === 'string' ? ` (${fields.error.slice(0, 100)})` : ''
    const refused = status >= 400 && status < 500 && status !== 429
    throw new KafkaError(
      refused ? 'AUTHENTICATION' : 'CONNECTION',
      `the token endpoint ${tokenUrl} answers ${status}${reason}: ${refused ? 'check client id, client secret and scope' : 'check whether it works'}`,
    )
  }
  const { access_token: token, expires_in: lifetime } = fields
  if (typeof token !== 'string' || token === '')
    throw new KafkaError('AUTHENTICATION', `the response of ${tokenUrl} has no access_token`)
  const lifetimeSeconds = Number(lifetime)
  return { token, lifetimeSeconds: lifetimeSeconds > 0 ? lifetimeSeconds : DEFAULT_LIFETIME_S }
}

const formEncoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)

function fieldsOf(body: string): Record<string, unknown> {
  try {
    const fields: unknown = JSON.parse(body)
    return typeof fields === 'object' && fields !== null ? (fields as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function post(
  { tokenUrl, ca }: ClientCredentials,
  body: string,
  headers: Record<string, string>,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) =>
      reject(
        new KafkaError(
          'CONNECTION',
          `the token endpoint ${tokenUrl} ${reason}: check its URL and the network`,
        ),
      )
    const send = tokenUrl.startsWith('https:') ? requestHttps : requestHttp
    const request = send(
      tokenUrl,
      { method: 'POST', headers, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS), ca },
      response => {
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > MAX_RESPONSE_BYTES) request.destroy(new Error('the response is too long'))
          else chunks.push(chunk)
        })
        response.on('end', () =>
          resolve({ status: response.statusCode!, body: Buffer.concat(chunks).toString() }),
        )
        response.on('error', error => fail(`cannot be read (${error.message})`))
      },
    )
    // The connection to the broker keeps the process alive if anything should.
    request.on('socket', socket => socket.unref())
    request.on('error', error =>
      fail(
        error.name === 'AbortError' || error.name === 'TimeoutError'
          ? `did not respond within ${TIMEOUT_MS / 1000} s`
          : `cannot be reached (${error.message})`,
      ),
    )
    request.end(body)
  })
}
