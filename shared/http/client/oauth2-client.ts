import { TokenSource } from './oauth2.js'
import { type HttpClientFields, NO_HTTP_CLIENT_FIELDS, type OAuth2Fields } from './schema.js'
import type { SecretFiles } from './settings.js'
import type { HttpClient } from './types.js'

/** The tokens of a configuration with `oauth2`, and the client that requests them. */
export class OAuth2Client {
  readonly #client: HttpClient
  readonly #tokens: TokenSource

  /** @param create creates the client of the token endpoint */
  constructor(
    fields: OAuth2Fields,
    files: SecretFiles,
    mono: () => number,
    create: (config: HttpClientFields) => HttpClient,
  ) {
    const { tls_config, proxy_url, no_proxy, proxy_from_environment, proxy_connect_header } = fields
    const proxy = { proxy_url, no_proxy, proxy_from_environment, proxy_connect_header }
    this.#client = create({ ...NO_HTTP_CLIENT_FIELDS, ...proxy, tls_config })
    const secret = files.either(fields.client_secret, fields.client_secret_file, 'client secret')
    this.#tokens = new TokenSource(fields, secret, this.#client, mono)
  }

  authorization(): Promise<string> {
    return this.#tokens.authorization()
  }

  close(): void {
    this.#client.close()
  }
}
