import { describe, expect, test } from 'vitest'
import { parseWebConfig, WebConfigError } from '../../../../shared/http/web-config/parse.js'

const HASH = '$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG'

function problemsOf(yaml: string): readonly string[] {
  try {
    parseWebConfig(yaml)
  } catch (error) {
    if (error instanceof WebConfigError) return error.problems
    throw error
  }
  return []
}

const tls = (...lines: string[]) =>
  ['tls_server_config:', 'cert_file: a.pem', 'key_file: a.key', ...lines].join('\n  ')

describe('a file that the exporter-toolkit accepts is accepted', () => {
  test.each([
    ['an empty file', ''],
    ['empty sections', 'tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n'],
    ['a certificate and a key', tls()],
    ['keys without values', tls('client_ca_file:', 'client_auth_type:', 'cipher_suites:')],
    ['an inline certificate', 'tls_server_config:\n  cert: |\n    x\n  key: |\n    y\n'],
    ['client certificates', tls('client_auth_type: RequireAndVerifyClientCert', 'client_ca_file: ca.pem', 'client_allowed_sans: [a.example]')], // biome-ignore format: one line
    ['the older name RequireClientCert', tls('client_auth_type: RequireClientCert')],
    ['versions, cipher suites and curves', tls('min_version: TLS12', 'max_version: TLS13', 'cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]', 'curve_preferences: [X25519, CurveP256]', 'prefer_server_cipher_suites: false')], // biome-ignore format: one line
    ['headers', 'http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=1'], // biome-ignore format: one line
    ['users', `basic_auth_users:\n  alice: ${HASH}\n  123: ${HASH.replace('$2y', '$2a')}\n`],
  ])('%s', (_, yaml) => {
    expect(problemsOf(yaml)).toEqual([])
  })
})

describe('a problem is reported with its path', () => {
  test.each([
    ['a: [', /line 1/],
    ['basic_auth_users:\n  a: x\n  a: y', /unique/],
    ['- a', /^the file: /],
    ['tls_server: {}', /^tls_server: unknown key$/],
    ['rate_limit: {burst: 1}', /^rate_limit: is not supported: .*--web\.max-connections/],
    [tls('cert_fil: x'), /^tls_server_config\.cert_fil: unknown key/],
    ['tls_server_config:\n  key_file: x', /^tls_server_config: cert_file .* is required/],
    [
      'tls_server_config:\n  cert_file: x\n  key_file: ""',
      /^tls_server_config: key_file .* is required/,
    ],
    [tls('cert: x'), /^tls_server_config\.cert: conflicts with cert_file/],
    [tls('client_auth_type: Everybody'), /^tls_server_config\.client_auth_type: "Everybody" is not one of NoClientCert, /], // biome-ignore format: one line
    [tls('client_auth_type: VerifyClientCertIfGiven'), /^tls_server_config\.client_auth_type: .* requires client_ca_file/], // biome-ignore format: one line
    [tls('client_ca_file: x'), /^tls_server_config\.client_ca_file: has no effect/],
    [tls('client_allowed_sans: [x]'), /^tls_server_config\.client_allowed_sans: has no effect/],
    [tls('min_version: TLS10'), /^tls_server_config\.min_version: TLS10 is not supported/],
    [tls('max_version: SSL3'), /^tls_server_config\.max_version: "SSL3" is not a TLS version/],
    [tls('min_version: TLS13', 'max_version: TLS12'), /^tls_server_config\.min_version: is above max_version/], // biome-ignore format: one line
    [tls('cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]'), /^tls_server_config\.cipher_suites\.0: "TLS_RSA_WITH_RC4_128_SHA" is not a secure cipher suite/], // biome-ignore format: one line
    [tls('curve_preferences: [X25519, P256]'), /^tls_server_config\.curve_preferences\.1: "P256" is not one of CurveP256, /], // biome-ignore format: one line
    ['http_server_config:\n  http2: 1', /^http_server_config\.http2: /],
    ['http_server_config:\n  headers:\n    Server: x', /^http_server_config\.headers\.Server: this header cannot be set/], // biome-ignore format: one line
    ['http_server_config:\n  headers:\n    X-Frame-Options: no', /^http_server_config\.headers\.X-Frame-Options: "no" is not deny or sameorigin/], // biome-ignore format: one line
    ['http_server_config:\n  headers:\n    Content-Security-Policy: "a\\nb"', /Content-Security-Policy: has characters/], // biome-ignore format: one line
    [
      'basic_auth_users:\n  alice: secret',
      /^basic_auth_users\.alice: is not a bcrypt hash; .*htpasswd/,
    ],
    ['basic_auth_users:\n  alice: 5', /^basic_auth_users\.alice: /],
    [
      `basic_auth_users:\n  alice: ${HASH.replace('$10$', '$31$')}`,
      /^basic_auth_users\.alice: has a cost of 31/,
    ],
    [
      `basic_auth_users:\n  alice: ${HASH.replace('$10$', '$03$')}`,
      /^basic_auth_users\.alice: has a cost of 3/,
    ],
    [
      `basic_auth_users:\n  "a:b": ${HASH}`,
      /^basic_auth_users\.a:b: user names must not contain a colon/,
    ],
  ])('%j', (yaml, problem) => {
    expect(problemsOf(yaml)).toEqual([expect.stringMatching(problem)])
  })

  test('and all problems are reported at once', () => {
    const yaml =
      'tls_server_config:\n  min_version: TLS11\n  curve_preferences: [a, b]\n  other: 1\nbasic_auth_users:\n  alice: no\n'
    expect(problemsOf(yaml).map(problem => problem.split(': ')[0])).toEqual([
      'tls_server_config.min_version',
      'tls_server_config.curve_preferences.0',
      'tls_server_config.curve_preferences.1',
      'tls_server_config.other',
      'basic_auth_users.alice',
      'tls_server_config',
      'tls_server_config',
    ])
  })
})
