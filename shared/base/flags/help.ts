import { wrap } from '../wrap.js'
import { variableOf } from './environment.js'
import type { Flag, FlagTable } from './types.js'

export interface CommandDescription {
  /** The command as typed after the name of the program: `topic create`. */
  readonly name: string
  /** A few sentences. A blank line separates paragraphs. */
  readonly description: string
  readonly flags: FlagTable
}

const INDENT = 2
const GUTTER = 2
const WIDEST_LEFT = 30

/**
 * The help of a command in the format of Prometheus: per flag its default or placeholder, the
 * wrapped help text and the environment variable.
 */
export function commandHelp(program: string, command: CommandDescription, width = 80): string {
  const rows = Object.entries(command.flags).map(([name, flag]): [string, string] => [
    leftOf(name, flag),
    flag.commandLineOnly ? flag.help : `${flag.help} ($${variableOf(name)})`,
  ])
  return [
    `usage: ${program} ${command.name} [<flags>]`,
    '',
    ...command.description
      .split('\n\n')
      .flatMap((paragraph, i) => [...(i ? [''] : []), ...wrap(paragraph, width)]),
    '',
    '',
    'Flags:',
    ...twoColumns(rows, width),
    '',
  ].join('\n')
}

/** The help of the program: all commands, each with a summary. */
export function programHelp(
  program: string,
  description: string,
  commands: [string, string][],
  width = 80,
): string {
  return [
    `usage: ${program} <command> [<flags>]`,
    '',
    ...wrap(description, width),
    '',
    '',
    'Commands:',
    ...twoColumns(commands, width),
    '',
    ...wrap(`Run "${program} <command> --help" for the flags of a command.`, width),
    '',
  ].join('\n')
}

function leftOf(name: string, flag: Flag): string {
  if (flag.kind === 'switch') {
    const negatable = flag.commandLineOnly ? '' : '[no-]'
    return `${shortOf(name === 'help' ? 'h' : flag.short)}--${negatable}${name}`
  }
  const shown =
    flag.placeholder ?? (flag.default === undefined ? '<value>' : quoteIfText(flag.default))
  return `${shortOf(flag.short)}--${name}=${shown}${flag.kind === 'list' ? ' ...' : ''}`
}

const shortOf = (letter: string | undefined) => (letter ? `-${letter}, ` : '    ')

function quoteIfText(text: string): string {
  return /^[\d:.]+[a-zA-Z]*$/.test(text) ? text : `"${text}"`
}

function twoColumns(rows: readonly [string, string][], width: number): string[] {
  const left = Math.max(
    ...rows.map(([text]) => text.length).filter(length => length <= WIDEST_LEFT),
  )
  const blank = ' '.repeat(INDENT + left + GUTTER)
  return rows.flatMap(([name, help]) => {
    const lines = wrap(help, width - blank.length)
    const first = `${' '.repeat(INDENT)}${name}`
    if (name.length > left) return [first, ...lines.map(line => blank + line)]
    return [first.padEnd(blank.length) + lines[0], ...lines.slice(1).map(line => blank + line)]
  })
}
