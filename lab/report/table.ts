import { wrap } from '../../shared/base/wrap.js'
import type { ExperimentResult, Results } from '../types.js'
import { formatFigure, formatSeconds, verdictOf } from './format.js'
import { groupsOf, type Row, variantsOf } from './rows.js'

export interface TableOptions {
  readonly color: boolean
  /** Width of the terminal in characters. */
  readonly width: number
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'
const ANSI_CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 }
const COLOR_OF = { holds: 'green', fails: 'red', unknown: 'yellow' } as const

/**
 * The results as text for a terminal: verdicts and figures of each experiment, one column per
 * variant.
 */
export function renderTable(results: Results, options: TableOptions): string {
  const paint = (text: string, style: Style) =>
    options.color ? `\u001b[${ANSI_CODES[style]}m${text}\u001b[0m` : text
  const blocks = results.experiments.map(experiment =>
    renderExperiment(experiment, options.width, paint),
  )
  const footer = `${results.edition} edition, seed ${results.seed}, ${formatSeconds(results.seconds)}. Figures are the median (minimum–maximum) of all values.`
  return `${blocks.join('\n\n')}\n\n${paint(wrap(footer, options.width).join('\n'), 'dim')}\n`
}

type Paint = (text: string, style: Style) => string

function renderExperiment(experiment: ExperimentResult, width: number, paint: Paint): string {
  const lines = [paint(experiment.title, 'bold'), ...wrap(experiment.question, width)]
  if (experiment.failed) {
    lines.push(
      ...wrap(`✗ The experiment failed: ${experiment.failed.split('\n')[0]}`, width).map(line =>
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
  for (const text of experiment.notMeasured) {
    const [first, ...rest] = wrap(`Not measured: ${text}`, width - 2)
    lines.push(`${paint('?', 'yellow')} ${first}`, ...rest.map(line => `  ${line}`))
  }
  return lines.join('\n')
}

function figureLines({ figures }: ExperimentResult, width: number, paint: Paint): string[] {
  const variants = variantsOf(figures)
  const cellsOf = (row: Row) =>
    variants.map(variant =>
      row.byVariant.has(variant) ? formatFigure(row.byVariant.get(variant)!) : '',
    )
  const groups = groupsOf(figures)
  const cells = groups.flatMap(group => group.rows.map(cellsOf))
  const widths = variants.map((variant, i) =>
    Math.max(variant.length, ...cells.map(row => row[i].length)),
  )
  const nameWidth = width - widths.reduce((sum, columnWidth) => sum + columnWidth + 2, 0)
  // Without room for columns each variant gets its own line.
  const isStacked = nameWidth < 24
  const lines: string[] = []
  if (!isStacked)
    lines.push(paint(' '.repeat(nameWidth) + alignRight([...variants], widths), 'bold'))
  for (const { setting, rows } of groups) {
    if (setting) lines.push(paint(setting, 'bold'))
    for (const row of rows) {
      const label = row.unit ? `${row.name}, ${row.unit}` : row.name
      const labelLines = wrap(label, (isStacked ? width : nameWidth) - 2)
      if (isStacked) {
        lines.push(...labelLines.map(line => `  ${line}`))
        for (const [i, cell] of cellsOf(row).entries())
          if (cell) lines.push(`    ${variants[i]}: ${cell}`)
        continue
      }
      const last = labelLines.length - 1
      lines.push(...labelLines.slice(0, last).map(line => `  ${line}`))
      lines.push(
        (`  ${labelLines[last]}`.padEnd(nameWidth) + alignRight(cellsOf(row), widths)).trimEnd(),
      )
    }
  }
  return lines
}

const alignRight = (cells: readonly string[], widths: readonly number[]) =>
  cells.map((cell, i) => `  ${cell.padStart(widths[i])}`).join('')
