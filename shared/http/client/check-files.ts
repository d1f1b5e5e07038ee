import { createSecureContext } from 'node:tls'
import { asError } from '../../base/as-error.js'
import type { HttpClientFields } from './schema.js'
import { headerSource, SecretFiles, tlsSource } from './settings.js'

/**
 * Reads the files that a configuration names: a client reads them with its first request.
 *
 * @param folder to which relative paths refer
 * @returns a problem for the first that cannot be read, of credentials and of TLS
 */
export async function fileProblems(config: HttpClientFields, folder: string): Promise<string[]> {
  const files = new SecretFiles(folder, () => 0)
  const { oauth2 } = config
  const readings = [
    () => headerSource(config, files).headers(),
    () => files.either(undefined, oauth2?.client_secret_file, 'oauth2 client secret')?.text(),
    async () => void createSecureContext(await tlsSource(config.tls_config, files)()),
    async () => void createSecureContext(await tlsSource(oauth2?.tls_config, files)()),
  ]
  const problems: string[] = []
  for (const read of readings) {
    try {
      await read()
    } catch (error) {
      problems.push(asError(error).message)
    }
  }
  return problems
}
