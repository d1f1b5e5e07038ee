import type { ExperimentResult, Results } from '../types.js'
import { formatFigure, formatSeconds, verdictOf } from './format.js'
import { groupsOf, type Row, variantsOf } from './rows.js'

export interface TableOptions {
  readonly color: boolean
  /** Columns of the terminal. */
  readonly width: number
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'
const CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 }
const COLOR_OF = { holds: 'green', fails: 'red', unknown: 'yellow' } as const

/** All results for a terminal: per experiment its verdicts, then its figures, the variants side by side. */
export function renderTable(results: Results, options: TableOptions): string {
  const paint = (text: string, style: Style) =>
    options.color ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text
  const blocks = results.experiments.map(experiment => renderOne(experiment, options.width, paint))
  const how = `${results.edition} edition, seed ${results.seed}, ${formatSeconds(results.seconds)}. Each figure: median (min–max) of the repetitions.`
  return `${blocks.join('\n\n')}\n\n${paint(wrap(how, options.width).join('\n'), 'dim')}\n`
}

type Paint = (text: string, style: Style) => string

function renderOne(experiment: ExperimentResult, width: number, paint: Paint): string {
  const lines = [paint(experiment.title, 'bold'), ...wrap(experiment.question, width)]
  if (experiment.failed) {
    lines.push(
      ...wrap(`✗ It ended without a result: ${experiment.failed.split('\n')[0]}`, width).map(line =>
        paint(line, 'red'),
      ),
    )
  }
  for (const { claim, holds, because } of experiment.verdicts) {
    const { sign, kind } = verdictOf(holds)
    const [first, ...rest] = wrap(claim, width - 2)
    lines.push(`${paint(sign, COLOR_OF[kind])} ${first}`, ...rest.map(line => `  ${line}`))
    lines.push(...wrap(because, width - 4).map(line => paint(`    ${line}`, 'dim')))
  }
  if (experiment.figures.length > 0) lines.push('', ...figureLines(experiment, width, paint))
  for (const what of experiment.notMeasured) {
    const [first, ...rest] = wrap(`Not measured: ${what}`, width - 2)
    lines.push(`${paint('?', 'yellow')} ${first}`, ...rest.map(line => `  ${line}`))
  }
  return lines.join('\n')
}

function figureLines({ figures }: ExperimentResult, width: number, paint: Paint): string[] {
  const variants = variantsOf(figures)
  const cellsOf = (row: Row) =>
    variants.map(variant => (row.byVariant.has(variant) ? formatFigure(row.byVariant.get(variant)!) : ''))
  const groups = groupsOf(figures)
  const cells = groups.flatMap(group => group.rows.map(cellsOf))
  const widths = variants.map((variant, i) => Math.max(variant.length, ...cells.map(row => row[i].length)))
  const names = width - widths.reduce((sum, one) => sum + one + 2, 0)
  // Too narrow for columns: each variant on a line of its own.
  const stacked = names < 24
  const lines: string[] = []
  if (!stacked) lines.push(paint(' '.repeat(names) + aligned([...variants], widths), 'bold'))
  for (const { setting, rows } of groups) {
    if (setting) lines.push(paint(setting, 'bold'))
    for (const row of rows) {
      const named = wrap(row.unit ? `${row.name}, ${row.unit}` : row.name, (stacked ? width : names) - 2)
      if (stacked) {
        lines.push(...named.map(line => `  ${line}`))
        for (const [i, cell] of cellsOf(row).entries()) if (cell) lines.push(`    ${variants[i]}: ${cell}`)
        continue
      }
      const last = named.length - 1
      lines.push(...named.slice(0, last).map(line => `  ${line}`))
      lines.push((`  ${named[last]}`.padEnd(names) + aligned(cellsOf(row), widths)).trimEnd())
    }
  }
  return lines
}

const aligned = (cells: readonly string[], widths: readonly number[]) =>
  cells.map((cell, i) => `  ${cell.padStart(widths[i])}`).join('')

/** Broken between words; a word that is longer than a line has one for itself. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line ? `${line} ${word}` : word
  }
  return [...lines, line]
}
