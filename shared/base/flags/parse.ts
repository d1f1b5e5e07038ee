import { parseArgs } from 'node:util'
import { variableOf } from './environment.js'
import { suggest } from './suggest.js'
import { ConfigError, type Flag, type FlagTable, type Problem, type Values } from './types.js'

/** Returns the contradictions between flags. A flag whose own value is invalid is undefined. */
export type Check<T extends FlagTable> = (values: Partial<Values<T>>) => readonly Problem[]

/**
 * Reads flags from the command line and the environment. The command line takes precedence over the
 * environment variable, which takes precedence over the default. An empty variable counts as unset.
 * Arguments that are not flags are refused.
 *
 * @throws ConfigError with all problems
 */
export function parseFlags<T extends FlagTable>(
  table: T,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
  check: Check<T> = () => [],
): Values<T> {
  const problems: Problem[] = []
  const typed = readTyped(table, argv, problems)
  const values: Record<string, unknown> = {}
  for (const [name, flag] of Object.entries(table)) {
    const variable = flag.commandLineOnly ? undefined : environment[variableOf(name)] || undefined
    const given = typed.get(name) ?? (variable === undefined ? undefined : [variable])
    const source = typed.has(name) || variable === undefined ? undefined : variableOf(name)
    values[name] = readValue(name, flag, given, source, problems)
  }
  problems.push(...check(values as Partial<Values<T>>))
  if (problems.length) throw new ConfigError(problems)
  return values as Values<T>
}

function readTyped(
  table: FlagTable,
  argv: readonly string[],
  problems: Problem[],
): ReadonlyMap<string, readonly string[]> {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, flag]) => [
      name,
      {
        type: flag.kind === 'switch' ? ('boolean' as const) : ('string' as const),
        ...(name === 'help' ? { short: 'h' } : flag.short ? { short: flag.short } : {}),
      },
    ]),
  )
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const typed = new Map<string, string[]>()
  let valueOfUnknown = -1
  for (const token of tokens) {
    if (token.kind === 'option') {
      if (!readToken(table, token, typed, problems) && !token.inlineValue)
        valueOfUnknown = token.index + 1
    } else if (token.kind === 'positional' && token.index !== valueOfUnknown) {
      problems.push({ flag: token.value, message: 'is not a flag; this command takes only flags' })
    }
  }
  return typed
}

/** @returns false if the flag is unknown */
function readToken(
  table: FlagTable,
  token: { name: string; rawName: string; value?: string; inlineValue?: boolean },
  typed: Map<string, string[]>,
  problems: Problem[],
): boolean {
  const negated = token.name.startsWith('no-') && table[token.name.slice(3)]?.kind === 'switch'
  const name = negated ? token.name.slice(3) : token.name
  const flag = Object.hasOwn(table, name) ? table[name] : undefined
  const problem = (message: string) => problems.push({ flag: token.rawName, message })
  if (!flag) {
    const meant = suggest(token.name, Object.keys(table))
    problem(`unknown flag; ${meant ? `did you mean --${meant}?` : '--help lists all flags'}`)
  } else if (flag.kind === 'switch' && token.inlineValue) {
    problem(`takes no value; write ${token.rawName} or --no-${name}`)
  } else if (flag.kind !== 'switch' && (token.value === undefined || valueIsFlag(token))) {
    problem(`needs a value; write ${token.rawName}=${flag.placeholder ?? '<value>'}`)
  } else if (typed.has(name) && flag.kind === 'value') {
    problem('must not be repeated')
  } else {
    const value = flag.kind === 'switch' ? String(!negated) : token.value!
    typed.set(name, [...(typed.get(name) ?? []), value])
  }
  return flag !== undefined
}

/** Whether the value is in fact the next flag, as in `--kafka.topic --log.level=debug`. */
function valueIsFlag(token: { value?: string; inlineValue?: boolean }): boolean {
  return !token.inlineValue && token.value!.startsWith('--')
}

function readValue(
  name: string,
  flag: Flag,
  given: readonly string[] | undefined,
  variable: string | undefined,
  problems: Problem[],
): unknown {
  const report = (message: string) => problems.push({ flag: `--${name}`, variable, message })
  const texts = given ?? (flag.default === undefined ? [] : [flag.default])
  if (!texts.length) {
    if (flag.required) report(`is required; set it or the environment variable ${variableOf(name)}`)
    return flag.kind === 'list' ? [] : undefined
  }
  const read = (text: string) => {
    const result = flag.schema.safeParse(text)
    if (!result.success) for (const issue of result.error.issues) report(issue.message)
    return result.data
  }
  if (flag.kind !== 'list') return read(texts.at(-1)!)
  return texts.flatMap(elementsOf).map(read)
}

/** Elements of a list. A trailing comma is ignored; an empty list is one empty element. */
function elementsOf(text: string): string[] {
  const elements = text.split(',')
  return elements.length > 1 && elements.at(-1)!.trim() === '' ? elements.slice(0, -1) : elements
}
