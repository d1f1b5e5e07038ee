import type { z } from 'zod'

declare const value: unique symbol

/**
 * One flag of a command. `T` is what parsing yields for it; `builders.ts` makes them.
 */
export interface Flag<T = unknown> {
  /** `switch` takes no value (`--x`, `--no-x`); `list` may be repeated and takes commas. */
  readonly kind: 'value' | 'list' | 'switch'
  /** One or two sentences, wrapped when printed. */
  readonly help: string
  /** What stands for the value in the help, e.g. `<url>`. */
  readonly placeholder?: string
  /** As it would be typed. Without one the flag is optional, or `required`. */
  readonly default?: string
  readonly required?: boolean
  /** Reads the text of a value (of each value of a list). */
  readonly schema: z.ZodType<unknown, string>
  /** Only typed, never taken from the environment, where `VERSION` means other things. */
  readonly commandLineOnly?: boolean
  readonly [value]?: T
}

/** The flags of a command by their names, without dashes: `kafka.brokers`. */
export type FlagTable = Readonly<Record<string, Flag>>

/** What parsing a table yields. */
export type Values<T extends FlagTable> = { readonly [K in keyof T]: T[K] extends Flag<infer V> ? V : never }

/** One thing wrong with a configuration. */
export interface Problem {
  /** With dashes. */
  readonly flag: string
  /** Where the wrong value came from, when it was not typed. */
  readonly from?: string
  readonly message: string
}

/** Everything wrong with a configuration, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(describeProblem).join('\n'))
  }
}

function describeProblem({ flag, from, message }: Problem): string {
  return `${flag}${from ? ` (from ${from})` : ''}: ${message}`
}
