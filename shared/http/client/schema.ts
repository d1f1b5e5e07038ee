import { validateHeaderName } from 'node:http'
import { z } from 'zod'
import { OLD_VERSIONS, VERSIONS } from '../web-config/tls-names.js'

const tlsVersion = z.string().superRefine((value, context) => {
  if (value in VERSIONS) return
  const message = OLD_VERSIONS.includes(value)
    ? `${value} is not supported by the TLS library of Node.js: use TLS12 or TLS13`
    : `unknown TLS version: ${value}`
  context.addIssue({ code: 'custom', message })
})

const url = z.string().refine(text => URL.canParse(text), { error: 'is not a URL' })

/** Adds an issue for each text that the function returns. */
const checked =
  <T>(problemsOf: (value: T) => readonly string[]) =>
  (value: T, context: z.core.$RefinementCtx<T>) => {
    for (const message of problemsOf(value)) context.addIssue({ code: 'custom', message })
  }

/** A message if more than one of the keys has a value. */
function oneOf(values: Readonly<Record<string, unknown>>, keys: readonly string[]): string[] {
  const given = keys.filter(key => values[key] !== undefined && values[key] !== '')
  const last = keys.at(-1)
  return given.length > 1
    ? [`at most one of ${keys.slice(0, -1).join(', ')} & ${last} must be configured`]
    : []
}

const tlsConfig = z
  .strictObject({
    ca: z.string().optional(),
    cert: z.string().optional(),
    key: z.string().optional(),
    ca_file: z.string().optional(),
    cert_file: z.string().optional(),
    key_file: z.string().optional(),
    server_name: z.string().optional(),
    insecure_skip_verify: z.boolean().default(false),
    min_version: tlsVersion.optional(),
    max_version: tlsVersion.optional(),
  })
  .superRefine(
    checked(tls => {
      const problems = ['ca', 'cert', 'key'].flatMap(key => oneOf(tls, [key, `${key}_file`]))
      const cert = Boolean(tls.cert || tls.cert_file)
      const key = Boolean(tls.key || tls.key_file)
      if (cert && !key)
        problems.push(
          'exactly one of key or key_file must be configured when a client certificate is configured',
        )
      if (key && !cert)
        problems.push(
          'exactly one of cert or cert_file must be configured when a client key is configured',
        )
      return problems
    }),
  )

const proxyFields = {
  proxy_url: url
    .refine(text => /^https?:/i.test(text), {
      error: 'has to begin with http:// or https://; other proxies are not supported',
    })
    .optional(),
  no_proxy: z.string().optional(),
  proxy_from_environment: z.boolean().default(false),
  proxy_connect_header: z.record(z.string(), z.array(z.string())).optional(),
}

interface ProxyFields {
  readonly proxy_url?: string | undefined
  readonly no_proxy?: string | undefined
  readonly proxy_from_environment: boolean
  readonly proxy_connect_header?: Readonly<Record<string, readonly string[]>> | undefined
}

function proxyProblems(fields: ProxyFields): string[] {
  const { proxy_url: proxyUrl, no_proxy: noProxy, proxy_from_environment: environment } = fields
  const problems: string[] = []
  if (fields.proxy_connect_header && !environment && !proxyUrl)
    problems.push(
      'if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured',
    )
  if (environment && proxyUrl)
    problems.push('if proxy_from_environment is configured, proxy_url must not be configured')
  if (environment && noProxy)
    problems.push('if proxy_from_environment is configured, no_proxy must not be configured')
  if (noProxy && !proxyUrl && !environment)
    problems.push('if no_proxy is configured, proxy_url must also be configured')
  return problems
}

const oauth2 = z
  .strictObject({
    client_id: z.string().min(1, 'oauth2 client_id must be configured'),
    client_secret: z.string().optional(),
    client_secret_file: z.string().optional(),
    scopes: z.array(z.string()).default([]),
    token_url: url,
    endpoint_params: z.record(z.string(), z.string()).default({}),
    grant_type: z
      .literal(['', 'client_credentials'], {
        error: 'only client_credentials is supported',
      })
      .optional(),
    tls_config: tlsConfig.optional(),
    ...proxyFields,
  })
  .superRefine(
    checked(fields => [
      ...oneOf(fields, ['client_secret', 'client_secret_file']),
      ...proxyProblems(fields),
    ]),
  )

/** Headers of the connection, of credentials, and those that programs set themselves. */
const RESERVED = new Set(
  [
    'Authorization',
    'Host',
    'Content-Encoding',
    'Content-Length',
    'Content-Type',
    'User-Agent',
    'Connection',
    'Keep-Alive',
    'Proxy-Authenticate',
    'Proxy-Authorization',
    'Www-Authenticate',
    'Accept-Encoding',
    'X-Prometheus-Remote-Write-Version',
    'X-Prometheus-Remote-Read-Version',
    'X-Prometheus-Scrape-Timeout-Seconds',
    'X-Amz-Date',
    'X-Amz-Security-Token',
    'X-Amz-Content-Sha256',
  ].map(name => name.toLowerCase()),
)

function headerProblems(name: string): string[] {
  if (RESERVED.has(name.toLowerCase()))
    return [`setting header ${JSON.stringify(name)} is not allowed`]
  try {
    validateHeaderName(name)
    return []
  } catch {
    return [`${JSON.stringify(name)} is not the name of a header`]
  }
}

const headers = z
  .record(
    z.string(),
    z.strictObject({
      values: z.array(z.string()).default([]),
      secrets: z.array(z.string()).default([]),
      files: z.array(z.string()).default([]),
    }),
  )
  .superRefine(checked(fields => Object.keys(fields).flatMap(headerProblems)))

/**
 * Fields of Prometheus's HTTP client configuration, which other sections contain inline.
 *
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#http_config
 */
export const httpClientFields = {
  basic_auth: z
    .strictObject({
      username: z.string().optional(),
      username_file: z.string().optional(),
      password: z.string().optional(),
      password_file: z.string().optional(),
    })
    .superRefine(
      checked(fields => [
        ...oneOf(fields, ['username', 'username_file']),
        ...oneOf(fields, ['password', 'password_file']),
      ]),
    )
    .optional(),
  authorization: z
    .strictObject({
      type: z.string().trim().default('Bearer'),
      credentials: z.string().optional(),
      credentials_file: z.string().optional(),
    })
    .superRefine(
      checked(fields => [
        ...oneOf(fields, ['credentials', 'credentials_file']),
        ...(fields.type.toLowerCase() === 'basic'
          ? ['authorization type cannot be set to "basic", use "basic_auth" instead']
          : []),
      ]),
    )
    .optional(),
  bearer_token: z.string().optional(),
  bearer_token_file: z.string().optional(),
  oauth2: oauth2.optional(),
  tls_config: tlsConfig.optional(),
  follow_redirects: z.boolean().default(true),
  enable_http2: z.boolean().optional(),
  http_headers: headers.optional(),
  ...proxyFields,
}

const httpClientObject = z.strictObject(httpClientFields)
export type HttpClientFields = z.infer<typeof httpClientObject>
export type TlsFields = z.infer<typeof tlsConfig>
export type OAuth2Fields = z.infer<typeof oauth2>

/** Contradictions between fields. A section that contains the fields inline adds them as issues. */
export function httpClientProblems(fields: HttpClientFields): string[] {
  const credentials = ['basic_auth', 'authorization', 'oauth2', 'bearer_token', 'bearer_token_file']
  return [...oneOf(fields, credentials), ...proxyProblems(fields)]
}

/** The configuration in a section of its own. */
export const httpClientConfig = httpClientObject.superRefine(checked(httpClientProblems))

/** The configuration without any setting. */
export const NO_HTTP_CLIENT_FIELDS: HttpClientFields = httpClientConfig.parse({})
