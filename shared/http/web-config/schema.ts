import { validateHeaderValue } from 'node:http'
import { z } from 'zod'
import { CIPHERS_TLS12, CIPHERS_TLS13, CURVES, OLD_VERSIONS, VERSIONS } from './tls-names.js'

/** Policies for client certificates, by the names of Go's `tls.ClientAuthType`. */
export const CLIENT_AUTH_TYPES = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const
export type ClientAuthType = (typeof CLIENT_AUTH_TYPES)[number]

/** Maximum bcrypt cost: 2^16 rounds take about 5 s, which is longer than most scrape timeouts. */
const MAX_COST = 16

/** Returns the problem of a value, to be appended to its path. Undefined if it is valid. */
type Rule = (value: string) => string | undefined

const text = (rule: Rule) =>
  z.string().superRefine((value, context) => {
    const message = rule(value)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })

const version = text(value => {
  if (value in VERSIONS) return undefined
  return OLD_VERSIONS.includes(value)
    ? `${value} is not supported by the TLS library of Node.js: use TLS12 or TLS13`
    : `${JSON.stringify(value)} is not a TLS version: use TLS12 or TLS13`
})

const cipher = text(value =>
  CIPHERS_TLS12.has(value) || CIPHERS_TLS13.includes(value)
    ? undefined
    : `${JSON.stringify(value)} is not a secure cipher suite: use names from https://pkg.go.dev/crypto/tls#CipherSuites`,
)

const curve = text(value =>
  CURVES.has(value)
    ? undefined
    : `${JSON.stringify(value)} is not one of ${[...CURVES.keys()].join(', ')}`,
)

const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'Content-Security-Policy': [],
  'X-Frame-Options': ['deny', 'sameorigin'],
  'X-Content-Type-Options': ['nosniff'],
  'X-XSS-Protection': [],
  'Strict-Transport-Security': [],
}

const header = (name: string, allowed: readonly string[]) =>
  text(value => {
    if (value === '') return undefined
    if (allowed.length && !allowed.includes(value))
      return `${JSON.stringify(value)} is not ${allowed.join(' or ')}`
    try {
      validateHeaderValue(name, value)
      return undefined
    } catch {
      return 'has characters that are not allowed in a header'
    }
  }).optional()

const hash = text(value => {
  const cost = /^\$2[aby]?\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(value)?.[1]
  if (cost === undefined)
    return 'is not a bcrypt hash; create one with: htpasswd -nBC 10 "" | tr -d \':\\n\''
  if (Number(cost) < 4) return `has a cost of ${Number(cost)}: the minimum is 4`
  if (Number(cost) > MAX_COST) {
    return `has a cost of ${Number(cost)}: a comparison would exceed the scrape timeout; use 10 to 12, at most ${MAX_COST}`
  }
  return undefined
})

const tls = z.strictObject({
  cert: z.string().optional(),
  key: z.string().optional(),
  client_ca: z.string().optional(),
  cert_file: z.string().optional(),
  key_file: z.string().optional(),
  client_ca_file: z.string().optional(),
  client_auth_type: z
    .preprocess(
      // The exporter-toolkit still accepts this older name.
      value =>
        value === '' ? undefined : value === 'RequireClientCert' ? 'RequireAnyClientCert' : value,
      z
        .enum(CLIENT_AUTH_TYPES, {
          error: issue =>
            `${JSON.stringify(issue.input)} is not one of ${CLIENT_AUTH_TYPES.join(', ')}`,
        })
        .optional(),
    )
    .optional(),
  client_allowed_sans: z.array(z.string().min(1, 'must not be empty')).optional(),
  min_version: version.optional(),
  max_version: version.optional(),
  cipher_suites: z.array(cipher).optional(),
  prefer_server_cipher_suites: z.boolean().optional(),
  curve_preferences: z.array(curve).optional(),
})

const users = z.record(
  z.string().refine(name => !name.includes(':'), 'user names must not contain a colon'),
  hash,
)

/** Schema of the file after null values have been removed. */
export const webConfigFile = z.strictObject({
  tls_server_config: tls.optional(),
  http_server_config: z
    .strictObject({
      http2: z.boolean().optional(),
      headers: z
        .strictObject(
          Object.fromEntries(
            Object.entries(HEADERS).map(([name, allowed]) => [name, header(name, allowed)]),
          ),
        )
        .optional(),
    })
    .optional(),
  basic_auth_users: users.optional(),
})

export type WebConfigFile = z.infer<typeof webConfigFile>
export type TlsSection = z.infer<typeof tls>
