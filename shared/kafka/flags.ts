import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { flag, hostPort, list, text } from '../base/flags/builders.js'
import { eitherOrFile, tlsOptions, tlsSettings } from '../base/flags/tls.js'
import { ConfigError, type Problem, type Values } from '../base/flags/types.js'
import { readDocument } from '../base/yaml/document.mjs'
import { clientCredentials } from './client-credentials.js'
import type { KafkaConfig } from './types.js'

const BROKERS_HELP = 'Bootstrap brokers, separated by commas.'

/** Flags of the connection to the cluster, shared by all commands. */
export const kafkaFlags = {
  'kafka.brokers': list(hostPort, {
    required: true,
    placeholder: '<host:port>',
    help: BROKERS_HELP,
  }),
  'kafka.client-id': flag(text, {
    default: 'kafka-exposer',
    help: 'Client id in the logs and quotas of the brokers.',
  }),
  'kafka.config.file': flag(text, {
    placeholder: '<file>',
    help: 'YAML file with "ssl" (true, or ca_file, cert_file, key_file, server_name, insecure_skip_verify) and "sasl" (mechanism, username, password or password_file; other settings for oauthbearer). Relative paths are resolved against the folder of the file.',
  }),
}

/**
 * `kafkaFlags` of a program that also works without Kafka.
 *
 * @param need when brokers are required, for the help
 */
export const optionalKafkaFlags = (need = '') => ({
  ...kafkaFlags,
  'kafka.brokers': list(hostPort, {
    placeholder: '<host:port>',
    help: `${BROKERS_HELP}${need && ` ${need}`}`,
  }),
})

export const topicFlag = {
  'kafka.topic': flag(text, { default: 'metrics.snapshots', help: 'Topic of the snapshots.' }),
}

export const groupFlag = {
  'kafka.group': flag(text, {
    default: 'kafka-exposer',
    help: 'Consumer group of the shards. The shards of one group share the partitions; each group reads the whole topic.',
  }),
}

const passwordLogin = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
    username: z.string().min(1),
    password: z.string().optional(),
    password_file: z.string().optional(),
  })
  .refine(...eitherOrFile('password'))

const oauthLogin = z
  .strictObject({
    mechanism: z.literal('oauthbearer'),
    token_url: z.string().regex(/^https?:\/\/[^\s]+$/, 'write it as https://host/path'),
    client_id: z.string().min(1),
    client_secret: z.string().optional(),
    client_secret_file: z.string().optional(),
    scope: z.string().optional(),
    ca_file: z.string().optional(),
    extensions: z.record(z.string().regex(/^[A-Za-z]+$/), z.string()).optional(),
  })
  .refine(...eitherOrFile('client_secret'))

const sasl = z.discriminatedUnion('mechanism', [passwordLogin, oauthLogin])

const file = z.strictObject({
  ssl: z.union([z.boolean(), tlsSettings]).optional(),
  sasl: sasl.optional(),
})

/**
 * Connection options from the flags and the file that they name.
 *
 * @throws ConfigError with all problems of the file
 */
export function readKafkaConfig(values: Values<typeof kafkaFlags>): KafkaConfig {
  const path = values['kafka.config.file']
  const file = path === undefined ? {} : readKafkaConfigFile(path)
  if (Array.isArray(file)) throw new ConfigError(file)
  return { brokers: values['kafka.brokers'], clientId: values['kafka.client-id'], ...file }
}

/** Problems of the file, for the checks of a command. Empty without a file. */
export function kafkaProblems(values: Partial<Values<typeof kafkaFlags>>): readonly Problem[] {
  const path = values['kafka.config.file']
  const file = path === undefined ? {} : readKafkaConfigFile(path)
  return Array.isArray(file) ? file : []
}

/** Content of `--kafka.config.file`, including the files that it names. */
function readKafkaConfigFile(path: string): Pick<KafkaConfig, 'ssl' | 'sasl'> | Problem[] {
  const problem = (message: string): Problem => ({
    flag: '--kafka.config.file',
    message: `${path}: ${message}`,
  })
  const beside = (name: string) => readFileSync(resolve(dirname(path), name), 'utf8')
  try {
    const result = file.safeParse(readDocument(readFileSync(path, 'utf8')) ?? {})
    if (!result.success) {
      return result.error.issues.map(issue =>
        problem(`${issue.path.join('.') || 'the file'}: ${issue.message}`),
      )
    }
    const { ssl, sasl } = result.data
    return {
      ...(ssl === undefined
        ? {}
        : { ssl: typeof ssl === 'boolean' ? ssl : tlsOptions(ssl, beside) }),
      ...(sasl === undefined ? {} : { sasl: saslOf(sasl, beside) }),
    }
  } catch (error) {
    return [problem((error as Error).message)]
  }
}

function saslOf(sasl: z.infer<typeof file>['sasl'] & {}, read: (name: string) => string) {
  if (sasl.mechanism !== 'oauthbearer') {
    const { mechanism, username } = sasl
    return { mechanism, username, password: sasl.password ?? read(sasl.password_file!).trim() }
  }
  const { mechanism, extensions } = sasl
  const token = clientCredentials({
    tokenUrl: sasl.token_url,
    clientId: sasl.client_id,
    clientSecret: sasl.client_secret ?? read(sasl.client_secret_file!).trim(),
    scope: sasl.scope,
    ca: sasl.ca_file === undefined ? undefined : read(sasl.ca_file),
  })
  return { mechanism, token, extensions }
}
