/**
 * What web configuration files call things, which is what Go's crypto/tls calls them, and what OpenSSL calls the same.
 *
 * @see https://pkg.go.dev/crypto/tls#pkg-constants
 */

/** Those that Go holds secure, in its names. TLS 1.3 has its own, which no list chooses from, in Go as here. */
export const CIPHERS_TLS13: readonly string[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
]

export const CIPHERS_TLS12: ReadonlyMap<string, string> = new Map([
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', 'ECDHE-ECDSA-AES128-SHA'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA', 'ECDHE-ECDSA-AES256-SHA'],
  ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA', 'ECDHE-RSA-AES128-SHA'],
  ['TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA', 'ECDHE-RSA-AES256-SHA'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
])

export const CURVES: ReadonlyMap<string, string> = new Map([
  ['CurveP256', 'prime256v1'],
  ['CurveP384', 'secp384r1'],
  ['CurveP521', 'secp521r1'],
  ['X25519', 'X25519'],
])

export const VERSIONS = { TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const
/** Versions that OpenSSL 3 no longer speaks at the security level that Node.js sets. */
export const OLD_VERSIONS: readonly string[] = ['TLS10', 'TLS11']

/**
 * A list of Go's names as OpenSSL's, with the ciphers of TLS 1.3, without which TLS 1.3 would be off.
 *
 * @param names known ones
 */
export function cipherList(names: readonly string[]): string {
  const older = names.flatMap(name => CIPHERS_TLS12.get(name) ?? [])
  return [...CIPHERS_TLS13, ...older].join(':')
}
