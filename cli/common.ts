import { actionFlag, choice, flag } from '../shared/base/flags/builders.js'
import { type CommandDescription, commandHelp } from '../shared/base/flags/help.js'
import { type Check, parseFlags } from '../shared/base/flags/parse.js'
import type { FlagTable, Values } from '../shared/base/flags/types.js'
import { createLogger, LOG_FORMATS, LOG_LEVELS } from '../shared/base/log.js'
import type { Logger } from '../shared/base/logger.js'
import { versionText } from './version.js'

const PROGRAM = 'kafka-exposer'

/** The environment of a command, passed to it in place of the process. */
export interface Invocation {
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly stdout: { write(text: string): unknown; readonly columns?: number }
  readonly stderr: { write(text: string): unknown }
  /** Aborted when the command has to end. */
  readonly signal: AbortSignal
  readonly version: string
}

/**
 * Runs a command and returns its exit code: 0 for success, 1 for failure.
 *
 * @throws DuplicateError if another process has its identity (exit code 3)
 * @throws ConfigError if it was called with invalid flags (exit code 2)
 */
export type Command = (invocation: Invocation) => Promise<number>

export const commonFlags = {
  help: actionFlag('Show this help.'),
  version: actionFlag('Show the version.'),
}

export const logFlags = {
  'log.level': flag(choice(...LOG_LEVELS), {
    default: 'info',
    help: 'Only log messages with the given severity or above. One of: [debug, info, warn, error]',
  }),
  'log.format': flag(choice(...LOG_FORMATS), {
    default: 'logfmt',
    help: 'Output format of log messages. One of: [logfmt, json]',
  }),
}

/**
 * Returns the values of a command's flags, or undefined after it has printed the help or version.
 *
 * @throws ConfigError with all problems
 */
export function readFlags<T extends FlagTable>(
  command: CommandDescription & { readonly flags: T; readonly check?: Check<T> },
  invocation: Invocation,
): Values<T> | undefined {
  const has = (flag: string) => invocation.argv.includes(flag)
  if (has('--help') || has('-h')) {
    invocation.stdout.write(commandHelp(PROGRAM, command, invocation.stdout.columns))
    return undefined
  }
  if (has('--version')) {
    invocation.stdout.write(versionText(invocation.version))
    return undefined
  }
  return parseFlags(command.flags, invocation.argv, invocation.environment, command.check)
}

export function loggerOf(values: Values<typeof logFlags>): Logger {
  return createLogger({ level: values['log.level'], format: values['log.format'] })
}
