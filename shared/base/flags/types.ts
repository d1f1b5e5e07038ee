import type { z } from 'zod'

declare const value: unique symbol

/**
 * A flag of a command, created by a function of `builders.ts`. `T` is the type of its parsed value.
 */
export interface Flag<T = unknown> {
  /** A `switch` takes no value (`--x`, `--no-x`). A `list` may be repeated and split by commas. */
  readonly kind: 'value' | 'list' | 'switch'
  /** One or two sentences. The help wraps them. */
  readonly help: string
  /** One letter: `-p 9753` or `-p9753`. */
  readonly short?: string
  /** Placeholder of the value in the help, such as `<url>`. */
  readonly placeholder?: string
  /** The default as text. A flag without one is optional or `required`. */
  readonly default?: string
  readonly required?: boolean
  /** Parses the text of a value, or of each value of a list. */
  readonly schema: z.ZodType<unknown, string>
  /** Has no environment variable. Variables such as `VERSION` have other meanings. */
  readonly commandLineOnly?: boolean
  readonly [value]?: T
}

/** The flags of a command by name, without dashes: `kafka.brokers`. */
export type FlagTable = Readonly<Record<string, Flag>>

/** The parsed values of a table of flags. */
export type Values<T extends FlagTable> = {
  readonly [K in keyof T]: T[K] extends Flag<infer V> ? V : never
}

/** A problem of a configuration. */
export interface Problem {
  /** Name of the flag with dashes: `--kafka.brokers`. */
  readonly flag: string
  /** The environment variable that the value was read from, if any. */
  readonly variable?: string
  readonly message: string
}

/** All problems of a configuration, one per line of the message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(describeProblem).join('\n'))
  }
}

function describeProblem({ flag, variable, message }: Problem): string {
  return `${flag}${variable ? ` (from $${variable})` : ''}: ${message}`
}
