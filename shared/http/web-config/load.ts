import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { parseWebConfig, WebConfigError } from './parse.js'
import type { ClientAuthType, TlsSection, WebConfigFile } from './schema.js'
import { CURVES, cipherList, VERSIONS } from './tls-names.js'

/** How an HTTP server is to be run. */
export interface WebConfig {
  /** Undefined: plain HTTP. */
  readonly tls: TlsConfig | undefined
  /** To be set on every response. */
  readonly headers: ReadonlyMap<string, string>
  /** Bcrypt hashes by user. Empty: everybody may ask. */
  readonly users: ReadonlyMap<string, string>
  /** Every file that this was read from. */
  readonly files: readonly string[]
  /** What people should know about it, a sentence each. */
  readonly notes: readonly string[]
}

export interface TlsConfig {
  readonly context: SecureContextOptions & { readonly cert: string; readonly key: string }
  readonly clientAuth: ClientAuthType
  /** Names of which a client's certificate has to have one. */
  readonly allowedSans: readonly string[] | undefined
}

/**
 * Reads a web configuration file and the files that it names; relative paths start at the file.
 *
 * @throws WebConfigError with everything that is wrong
 */
export function loadWebConfig(path: string): WebConfig {
  const file = parseWebConfig(read(path, 'the file'))
  const tls = file.tls_server_config && Object.keys(file.tls_server_config).length > 0
  const named = tls ? readNamed(file.tls_server_config!, dirname(path)) : undefined
  return {
    tls: named && tlsOf(file.tls_server_config!, named),
    headers: new Map(Object.entries(file.http_server_config?.headers ?? {}).filter(isSet)),
    users: new Map(Object.entries(file.basic_auth_users ?? {})),
    files: [path, ...(named?.files ?? [])],
    notes: notesOn(file),
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

interface Named {
  readonly cert: string
  readonly key: string
  readonly clientCa: string | undefined
  readonly files: readonly string[]
}

function readNamed(section: TlsSection, folder: string): Named {
  const problems: string[] = []
  const files: string[] = []
  const contents = (key: 'cert' | 'key' | 'client_ca'): string => {
    const name = section[`${key}_file`]
    if (!name) return section[key] ?? ''
    const path = resolve(folder, name)
    files.push(path)
    try {
      return read(path, `tls_server_config.${key}_file`)
    } catch (error) {
      problems.push((error as Error).message)
      return ''
    }
  }
  const [cert, key, clientCa] = [contents('cert'), contents('key'), contents('client_ca')]
  if (problems.length) throw new WebConfigError(problems)
  return { cert, key, clientCa: clientCa || undefined, files }
}

function tlsOf(section: TlsSection, { cert, key, clientCa }: Named): TlsConfig {
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
  tryOut('tls_server_config: certificate and key', () => createSecureContext({ cert, key }))
  // OpenSSL takes a list of authorities without any for a list.
  if (clientCa !== undefined) tryOut('tls_server_config: client_ca', () => new X509Certificate(clientCa))
  tryOut('tls_server_config', () => createSecureContext(config.context))
  return config
}

/** Whether OpenSSL takes it. */
function tryOut(what: string, attempt: () => unknown): void {
  try {
    attempt()
  } catch (error) {
    throw new WebConfigError([`${what} cannot be used: ${(error as Error).message}`])
  }
}

function notesOn({
  tls_server_config: tls,
  http_server_config: http,
  basic_auth_users: users,
}: WebConfigFile) {
  const notes: string[] = []
  if (http?.http2) notes.push('HTTP/1.1 is served and no HTTP/2: http_server_config.http2 has no effect')
  const type = tls?.client_auth_type
  if (type === 'RequestClientCert' || type === 'RequireAnyClientCert') {
    notes.push(`With client_auth_type ${type} nobody verifies who issued the certificates of clients`)
  }
  if (users && Object.keys(users).length && !tls?.cert && !tls?.cert_file) {
    notes.push(
      'Passwords travel in the clear, because the file has basic_auth_users but no tls_server_config',
    )
  }
  return notes
}
