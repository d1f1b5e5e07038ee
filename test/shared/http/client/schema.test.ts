import { describe, expect, test } from 'vitest'
import { httpClientConfig } from '../../../../shared/http/client/schema.js'

const problemsOf = (config: unknown): string[] => {
  const result = httpClientConfig.safeParse(config)
  return result.success
    ? []
    : result.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`)
}

describe('an HTTP client configuration', () => {
  test.each<[string, unknown]>([
    ['nothing', {}],
    ['enable_http2, which has no effect', { enable_http2: true }],
    ['a client certificate', { tls_config: { cert: 'x', key_file: 'y' } }],
    ['a proxy', { proxy_url: 'http://proxy:3128', no_proxy: 'localhost' }],
  ])('accepts %s', (_, config) => {
    expect(problemsOf(config)).toEqual([])
  })

  test.each<[unknown, string]>([
    [{ bearer: 'x' }, 'Unrecognized key: "bearer"'],
    [
      { basic_auth: {}, bearer_token: 'x' },
      ': at most one of basic_auth, authorization, oauth2, bearer_token & bearer_token_file must be configured',
    ],
    [
      { basic_auth: { password: 'x', password_file: 'y' } },
      'basic_auth: at most one of password & password_file must be configured',
    ],
    [
      { authorization: { credentials: 'x', credentials_file: 'y' } },
      'authorization: at most one of credentials & credentials_file must be configured',
    ],
    [{ authorization: { type: ' Basic ' } }, 'use "basic_auth" instead'],
    [{ tls_config: { ca: 'x', ca_file: 'y' } }, 'tls_config: at most one of ca & ca_file'],
    [{ tls_config: { cert_file: 'x' } }, 'exactly one of key or key_file must be configured'],
    [{ tls_config: { key: 'x' } }, 'exactly one of cert or cert_file must be configured'],
    [{ tls_config: { min_version: 'TLS10' } }, 'use TLS12 or TLS13'],
    [{ tls_config: { min_version: 'SSL3' } }, 'unknown TLS version: SSL3'],
    [{ proxy_url: 'socks5://x:1' }, 'other proxies are not supported'],
    [{ no_proxy: 'x' }, 'proxy_url must also be configured'],
    [{ proxy_url: 'http://x', proxy_from_environment: true }, 'proxy_url must not be configured'],
    [{ no_proxy: 'x', proxy_from_environment: true }, 'no_proxy must not be configured'],
    [{ proxy_connect_header: { a: ['b'] } }, 'must also be configured'],
    [{ http_headers: { host: { values: ['x'] } } }, 'setting header "host" is not allowed'],
    [{ http_headers: { 'a b': { values: ['x'] } } }, 'is not the name of a header'],
    [{ oauth2: { client_id: '', token_url: 'http://x' } }, 'client_id must be configured'],
    [{ oauth2: { client_id: 'x', token_url: 'y' } }, 'oauth2.token_url: is not a URL'],
    [
      { oauth2: { client_id: 'x', token_url: 'http://y', grant_type: 'password' } },
      'only client_credentials is supported',
    ],
  ])('refuses %j', (config, problem) => {
    expect(problemsOf(config).join('\n')).toContain(problem)
  })
})
