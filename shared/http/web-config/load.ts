import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { parseWebConfig, WebConfigError } from './parse.js'
import type { ClientAuthType, TlsSection, WebConfigFile } from './schema.js'
import { CURVES, cipherList, VERSIONS } from './tls-names.js'

/** Settings of an HTTP server. */
export interface WebConfig {
  /** Undefined: plain HTTP. */
  readonly tls: TlsConfig | undefined
  /** Headers of every response. */
  readonly headers: ReadonlyMap<string, string>
  /** Bcrypt hashes by user. Empty: no authentication. */
  readonly users: ReadonlyMap<string, string>
  /** All files that this was read from. */
  readonly files: readonly string[]
  /** Warnings about valid but questionable settings. */
  readonly warnings: readonly string[]
}

export interface TlsConfig {
  readonly context: SecureContextOptions & { readonly cert: string; readonly key: string }
  readonly clientAuth: ClientAuthType
  /** Names of which a client certificate must have at least one. */
  readonly allowedSans: readonly string[] | undefined
}

/** A web configuration file, or the files of TLS alone. */
export type WebConfigSource = string | { readonly cert_file: string; readonly key_file: string }

/**
 * Reads a web configuration file and the files that it names. Relative paths are resolved against
 * the folder of the file.
 *
 * @throws WebConfigError that lists all problems
 */
export function loadWebConfig(source: WebConfigSource): WebConfig {
  const path = typeof source === 'string' ? source : undefined
  const file: WebConfigFile =
    typeof source === 'string'
      ? parseWebConfig(read(source, 'the file'))
      : { tls_server_config: source }
  const tls = file.tls_server_config && Object.keys(file.tls_server_config).length > 0
  const files = tls ? readTlsFiles(file.tls_server_config!, path ? dirname(path) : '.') : undefined
  return {
    tls: files && tlsOf(file.tls_server_config!, files),
    headers: new Map(Object.entries(file.http_server_config?.headers ?? {}).filter(isSet)),
    users: new Map(Object.entries(file.basic_auth_users ?? {})),
    files: [...(path ? [path] : []), ...(files?.paths ?? [])],
    warnings: warningsOf(file),
  }
}

const isSet = (entry: [string, string | undefined]): entry is [string, string] => Boolean(entry[1])

function read(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new WebConfigError([`${name}: ${(error as Error).message}`])
  }
}

interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly clientCa: string | undefined
  readonly paths: readonly string[]
}

function readTlsFiles(section: TlsSection, folder: string): TlsFiles {
  const problems: string[] = []
  const paths: string[] = []
  const contents = (key: 'cert' | 'key' | 'client_ca'): string => {
    const name = section[`${key}_file`]
    if (!name) return section[key] ?? ''
    const path = resolve(folder, name)
    paths.push(path)
    try {
      return read(path, `tls_server_config.${key}_file`)
    } catch (error) {
      problems.push((error as Error).message)
      return ''
    }
  }
  const [cert, key, clientCa] = [contents('cert'), contents('key'), contents('client_ca')]
  if (problems.length) throw new WebConfigError(problems)
  return { cert, key, clientCa: clientCa || undefined, paths }
}

function tlsOf(section: TlsSection, { cert, key, clientCa }: TlsFiles): TlsConfig {
  const { min_version: min, max_version: max } = section
  const config: TlsConfig = {
    context: {
      cert,
      key,
      ca: clientCa,
      minVersion: VERSIONS[(min ?? 'TLS12') as keyof typeof VERSIONS],
      maxVersion: VERSIONS[(max ?? 'TLS13') as keyof typeof VERSIONS],
      honorCipherOrder: section.prefer_server_cipher_suites ?? true,
      ...(section.cipher_suites?.length ? { ciphers: cipherList(section.cipher_suites) } : {}),
      ...(section.curve_preferences?.length
        ? { ecdhCurve: section.curve_preferences.map(name => CURVES.get(name)).join(':') }
        : {}),
    },
    clientAuth: section.client_auth_type ?? 'NoClientCert',
    allowedSans: section.client_allowed_sans,
  }
  verify('tls_server_config: certificate and key', () => createSecureContext({ cert, key }))
  // OpenSSL accepts a CA file without certificates.
  if (clientCa !== undefined)
    verify('tls_server_config: client_ca', () => new X509Certificate(clientCa))
  verify('tls_server_config', () => createSecureContext(config.context))
  return config
}

/** @throws WebConfigError if OpenSSL refuses the values */
function verify(what: string, attempt: () => unknown): void {
  try {
    attempt()
  } catch (error) {
    throw new WebConfigError([`${what} cannot be used: ${(error as Error).message}`])
  }
}

function warningsOf({
  tls_server_config: tls,
  http_server_config: http,
  basic_auth_users: users,
}: WebConfigFile) {
  const warnings: string[] = []
  if (http?.http2) warnings.push('HTTP/2 is not supported: http_server_config.http2 has no effect')
  const type = tls?.client_auth_type
  if (type === 'RequestClientCert' || type === 'RequireAnyClientCert') {
    warnings.push(`client_auth_type ${type} does not verify the issuer of client certificates`)
  }
  if (users && Object.keys(users).length && !tls?.cert && !tls?.cert_file) {
    warnings.push(
      'Passwords are sent in cleartext: the file has basic_auth_users but no tls_server_config',
    )
  }
  return warnings
}
