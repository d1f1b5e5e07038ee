/**
 * Names of Go's crypto/tls, which web configuration files use, and the corresponding names of
 * OpenSSL.
 *
 * @see https://pkg.go.dev/crypto/tls#pkg-constants
 */

/** Cipher suites of TLS 1.3, by Go's names. As in Go, they cannot be configured. */
export const CIPHERS_TLS13: readonly string[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
]

/** Cipher suites of TLS 1.2 that Go considers secure. */
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
 * Converts Go's names to an OpenSSL cipher list. Adds the ciphers of TLS 1.3, without which OpenSSL
 * disables TLS 1.3.
 *
 * @param names valid names of cipher suites
 */
export function cipherList(names: readonly string[]): string {
  const tls12 = names.flatMap(name => CIPHERS_TLS12.get(name) ?? [])
  return [...CIPHERS_TLS13, ...tls12].join(':')
}
