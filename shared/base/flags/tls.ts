import type { ConnectionOptions } from 'node:tls'
import { z } from 'zod'

/** TLS settings of a client in a YAML file. */
export const tlsSettings = z.strictObject({
  ca_file: z.string().optional(),
  cert_file: z.string().optional(),
  key_file: z.string().optional(),
  key_passphrase: z.string().optional(),
  server_name: z.string().optional(),
  insecure_skip_verify: z.boolean().default(false),
})

/** @param read reads a file that the settings name */
export function tlsOptions(
  ssl: z.infer<typeof tlsSettings>,
  read: (name: string) => string,
): ConnectionOptions {
  const contents = (name: string | undefined) => (name === undefined ? undefined : read(name))
  return {
    ca: contents(ssl.ca_file),
    cert: contents(ssl.cert_file),
    key: contents(ssl.key_file),
    passphrase: ssl.key_passphrase,
    servername: ssl.server_name,
    rejectUnauthorized: !ssl.insecure_skip_verify,
  }
}

/** A check that a secret is given either in the file itself or in a file of its own. */
export const eitherOrFile = (name: string) =>
  [
    (given: Record<string, unknown>) =>
      (given[name] === undefined) !== (given[`${name}_file`] === undefined),
    { error: `needs either ${name} or ${name}_file` },
  ] as const
