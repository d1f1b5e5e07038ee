import { resolve } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { VERSIONS } from '../web-config/tls-names.js'
import type { HttpClientFields, TlsFields } from './schema.js'
import { FileSecret, plainSecret, type Secret } from './secrets.js'

/** Resolves the files that a configuration names. */
export class SecretFiles {
  readonly #files = new Map<string, FileSecret>()

  /**
   * @param folder of the configuration file
   * @param mono monotonic ms
   */
  constructor(
    private readonly folder: string,
    private readonly mono: () => number,
  ) {}

  /** @param what the content, for messages */
  file(path: string, what: string): FileSecret {
    const absolute = resolve(this.folder, path)
    let file = this.#files.get(absolute)
    if (!file) {
      file = new FileSecret(absolute, what, this.mono)
      this.#files.set(absolute, file)
    }
    return file
  }

  /** Undefined if neither is configured. */
  either(text: string | undefined, path: string | undefined, what: string): Secret | undefined {
    if (path) return this.file(path, what)
    return text ? plainSecret(text) : undefined
  }
}

/** Headers that requests get from a configuration. */
export interface HeaderSource {
  headers(): Promise<Record<string, string | string[]>>
}

/**
 * The headers of basic authentication, of an authorization and of `http_headers`. All but those of
 * OAuth 2, whose tokens are requested.
 */
export function headerSource(fields: HttpClientFields, files: SecretFiles): HeaderSource {
  const authorization = authorizationOf(fields, files)
  const others = Object.entries(fields.http_headers ?? {}).map(
    ([name, { values, secrets, files: paths }]) =>
      [
        name.toLowerCase(),
        [
          ...[...values, ...secrets].map(plainSecret),
          ...paths.map(path => files.file(path, 'headers')),
        ],
      ] as const,
  )
  return {
    async headers() {
      const headers: Record<string, string | string[]> = {}
      for (const [name, secrets] of others)
        headers[name] = await Promise.all(secrets.map(async secret => (await secret.text()).trim()))
      const credentials = await authorization?.()
      if (credentials !== undefined) headers.authorization = credentials
      return headers
    },
  }
}

function authorizationOf(
  fields: HttpClientFields,
  files: SecretFiles,
): (() => Promise<string | undefined>) | undefined {
  const { basic_auth: basic, authorization } = fields
  if (basic) {
    const username = files.either(basic.username, basic.username_file, 'basic auth username')
    const password = files.either(basic.password, basic.password_file, 'basic auth password')
    return async () => {
      const login = await Promise.all(
        [username, password].map(async secret => (secret ? (await secret.text()).trim() : '')),
      )
      return `Basic ${Buffer.from(login.join(':')).toString('base64')}`
    }
  }
  const credentials = files.either(
    authorization?.credentials ?? fields.bearer_token,
    authorization?.credentials_file ?? fields.bearer_token_file,
    'authorization credentials',
  )
  if (!credentials) return undefined
  const type = authorization?.type || 'Bearer'
  return async () => `${type} ${(await credentials.text()).trim()}`
}

/** Reads the TLS settings of a client, with the current content of their files. */
export function tlsSource(
  tls: TlsFields | undefined,
  files: SecretFiles,
): () => Promise<ConnectionOptions> {
  if (!tls) return async () => ({})
  const ca = files.either(tls.ca, tls.ca_file, 'CA certificate')
  const cert = files.either(tls.cert, tls.cert_file, 'client certificate')
  const key = files.either(tls.key, tls.key_file, 'client key')
  const version = (name: string | undefined) => VERSIONS[name as keyof typeof VERSIONS]
  return async () => ({
    ...(ca && { ca: await ca.text() }),
    ...(cert && { cert: await cert.text() }),
    ...(key && { key: await key.text() }),
    ...(tls.server_name && { servername: tls.server_name }),
    ...(tls.min_version && { minVersion: version(tls.min_version) }),
    ...(tls.max_version && { maxVersion: version(tls.max_version) }),
    rejectUnauthorized: !tls.insecure_skip_verify,
  })
}
