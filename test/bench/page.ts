import type { Row } from './table.js'

/** One run of a benchmark. */
export interface BenchRun {
  readonly rows: readonly Row[]
  /** Where and when it was measured, and how long it took. */
  readonly conditions: string
}

const beginOf = (name: string) => `<!-- bench ${name} -->`
const END = '<!-- end of bench -->'
const HEADER = ['| work | figure | goal | conditions |', '|---|---|---|---|']

/** The generated block of a benchmark in a Markdown page, markers included. */
export function blockOf(
  name: string,
  { measures, process }: { readonly measures: string; readonly process: string },
  { rows, conditions }: BenchRun,
): string {
  const text = [
    `\`npm run bench -- ${name}\`: ${measures}.`,
    `Process: ${process}.`,
    `${conditions}.`,
  ]
  const cells = rows.map(({ work, figure, goal = '', note = '' }) => [work, figure, goal, note])
  const table = cells.map(row => `| ${row.map(escapeCell).join(' | ')} |`)
  return [beginOf(name), ...text, '', ...HEADER, ...table, END].join('\n')
}

const escapeCell = (text: string) => text.replace(/\s+/g, ' ').replaceAll('|', '\\|')

/** The generated blocks of a page by the name of the benchmark, in order. */
export function blocksOf(page: string): Map<string, string> {
  const blocks = page.matchAll(/<!-- bench (\S+) -->\n.*?<!-- end of bench -->/gs)
  return new Map([...blocks].map(([block, name]) => [name, block]))
}

/** @throws Error if the page has no block of this benchmark */
export function replaceBlock(page: string, name: string, block: string): string {
  const before = blocksOf(page).get(name)
  if (before === undefined)
    throw new Error(`the page has no block of ${name}: add ${beginOf(name)} and ${END} to it`)
  return page.replace(before, () => block)
}
