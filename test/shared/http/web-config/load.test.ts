import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadWebConfig } from '../../../../shared/http/web-config/load.js'
import { type Certificate, Folder } from './certificates.js'

const folder = new Folder()
let server: Certificate
let other: Certificate
beforeAll(() => {
  server = folder.selfSigned('server')
  other = folder.selfSigned('other')
  folder.write('junk.pem', 'no certificate')
})
afterAll(() => folder.remove())

const load = (yaml: string) => loadWebConfig(folder.write('web.yml', yaml))
const tls = (...lines: string[]) =>
  load(
    ['tls_server_config:', 'cert_file: server.pem', 'key_file: server.key', ...lines].join('\n  '),
  )

test('relative paths are resolved against the folder of the file, and all files are listed', () => {
  const config = tls(
    'client_auth_type: RequireAndVerifyClientCert',
    `client_ca_file: ${other.certFile}`,
  )
  expect(config.tls?.context).toMatchObject({ cert: server.cert, key: server.key, ca: other.cert })
  expect(config.files).toEqual([
    `${folder.path}/web.yml`,
    server.certFile,
    server.keyFile,
    other.certFile,
  ])
})

test('without tls_server_config there is no TLS, and users cause a warning', () => {
  const hash = '$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG'
  const config = load(`basic_auth_users:\n  alice: ${hash}\n`)
  expect(config.tls).toBeUndefined()
  expect(config.users).toEqual(new Map([['alice', hash]]))
  expect(config.warnings).toEqual([expect.stringContaining('in cleartext')])
})

test('HTTP/2 and unverified client certificates cause warnings', () => {
  const file = `tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_auth_type: RequestClientCert\nhttp_server_config:\n  http2: true\n`
  expect(load(file).warnings).toEqual([
    expect.stringContaining('HTTP/2 is not supported'),
    expect.stringContaining('RequestClientCert'),
  ])
  expect(tls().warnings).toEqual([])
})

test('empty headers are not set', () => {
  const { headers } = load(
    'http_server_config:\n  headers:\n    X-Frame-Options: ""\n    X-XSS-Protection: "0"\n',
  )
  expect(headers).toEqual(new Map([['X-XSS-Protection', '0']]))
})

test('any list of cipher suites includes those of TLS 1.3', () => {
  const { ciphers } = tls('cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]').tls!.context
  expect(ciphers!.split(':')).toEqual([
    expect.stringMatching(/^TLS_AES_128/),
    expect.stringMatching(/^TLS_AES_256/),
    expect.stringMatching(/^TLS_CHACHA20/),
    'ECDHE-ECDSA-AES128-GCM-SHA256',
  ])
  expect(() =>
    tls('cipher_suites: [TLS_AES_128_GCM_SHA256]', 'curve_preferences: [CurveP384]'),
  ).not.toThrow()
})

test.each([
  ['missing.pem', 'server.key', /^tls_server_config\.cert_file: ENOENT/],
  ['missing.pem', 'missing.key', /cert_file: ENOENT.*\n.*key_file: ENOENT/],
  ['server.pem', 'other.key', /certificate and key cannot be used: .*key values mismatch/],
  ['junk.pem', 'server.key', /certificate and key cannot be used/],
])('certificate %s with key %s is refused', (cert, key, problem) => {
  expect(() => load(`tls_server_config:\n  cert_file: ${cert}\n  key_file: ${key}\n`)).toThrow(
    problem,
  )
})

test('a CA file without certificates is refused', () => {
  expect(() =>
    tls('client_auth_type: RequireAndVerifyClientCert', 'client_ca_file: junk.pem'),
  ).toThrow(/client_ca cannot be used/)
})

test('a missing file is refused', () => {
  expect(() => loadWebConfig(`${folder.path}/missing.yml`)).toThrow(/^the file: ENOENT/)
})
