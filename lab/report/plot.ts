import type { Line, Plot } from '../types.js'
import { formatNumber } from './format.js'
import { linear, logarithmic, type Scale } from './scale.js'
import { STYLE } from './style.js'

const WIDTH = 776
const HEIGHT = 300
const MARGIN = { top: 26, right: 230, bottom: 44, left: 58 }
const LABEL_HEIGHT = 16

/**
 * Renders a plot as SVG. Lines are labelled at their ends instead of in a legend. Empty without
 * values.
 */
export function renderPlot(plot: Plot): string {
  const lines = completeLines(plot).filter(({ points }) => points.some(([, y]) => !Number.isNaN(y)))
  if (lines.length === 0) return ''
  const [x, y] = axesOf(plot, lines)
  const parts = [
    renderGrid(plot, x, y),
    renderMarks(plot, x),
    ...lines.map(line => renderLine(line, x, y)),
    renderNames(lines, x, y),
  ]
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${html(plot.title)}">${parts.join('')}</svg>`
}

/**
 * Adds namespace, style sheet and background to the SVG of a plot, which the page provides
 * otherwise.
 */
export const standalone = (svg: string) =>
  svg
    .replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')
    .replace('>', `><style>${STYLE} svg { background: var(--panel); }</style>`)

/**
 * Extends the lines of a cumulative distribution to the right: beyond its maximum the share stays
 * constant.
 */
function completeLines({ kind, lines }: Plot): readonly Line[] {
  if (kind !== 'distribution') return lines
  const maxX = Math.max(...lines.flatMap(({ points }) => points.map(([x]) => x)))
  return lines.map(line => {
    const last = line.points.at(-1)
    return last ? { ...line, points: [...line.points, [maxX, last[1]] as const] } : line
  })
}

function axesOf(plot: Plot, lines: readonly Line[]): [Scale, Scale] {
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x))
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y)).filter(y => !Number.isNaN(y))
  const horizontal = [MARGIN.left, WIDTH - MARGIN.right] as const
  const vertical = [HEIGHT - MARGIN.bottom, MARGIN.top] as const
  const logX = plot.kind === 'scaling' || (plot.kind === 'distribution' && plot.logX)
  const logY = plot.kind === 'scaling' || (plot.kind === 'time' && plot.logY)
  const scaleFor = (
    values: readonly number[],
    isLogarithmic: boolean | undefined,
    range: readonly [number, number],
    includesZero: boolean,
  ) => {
    const high = Math.max(...values)
    if (!isLogarithmic)
      return linear(includesZero ? Math.min(0, ...values) : Math.min(...values), high, range)
    // At most four decades: rounding errors near zero would stretch the axis otherwise.
    const positive = values.filter(value => value > 0)
    const low = Math.max(Math.min(...positive, high || 1), (high || 1) / 1e4)
    return logarithmic(low, high || 1, range)
  }
  return [
    scaleFor(xs, logX, horizontal, plot.kind === 'distribution'),
    scaleFor(ys, logY, vertical, true),
  ]
}

function renderGrid(plot: Plot, x: Scale, y: Scale): string {
  const bottom = HEIGHT - MARGIN.bottom
  const right = WIDTH - MARGIN.right
  const isPercent = plot.kind === 'distribution'
  return [
    ...y.ticks.map(
      tick =>
        `<line class="grid" x1="${MARGIN.left}" x2="${right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>` +
        `<text class="tick" x="${MARGIN.left - 8}" y="${round(y(tick) + 4)}" text-anchor="end">${isPercent ? `${Math.round(tick * 100)} %` : formatNumber(tick)}</text>`,
    ),
    ...x.ticks.map(
      tick =>
        `<line class="grid" x1="${round(x(tick))}" x2="${round(x(tick))}" y1="${MARGIN.top}" y2="${bottom}"/>` +
        `<text class="tick" x="${round(x(tick))}" y="${bottom + 17}" text-anchor="middle">${formatNumber(tick)}</text>`,
    ),
    `<text class="axis" x="${(MARGIN.left + right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${html(plot.x)}</text>`,
    `<text class="axis" x="${MARGIN.left - 8}" y="14" text-anchor="start">${html(plot.y)}</text>`,
  ].join('')
}

function renderMarks({ marks = [] }: Plot, x: Scale): string {
  const height = HEIGHT - MARGIN.bottom - MARGIN.top
  return marks
    .map(({ from, to, label }) => {
      const left = x(from)
      const width = to === undefined ? 1.5 : Math.max(1.5, x(to) - left)
      return (
        `<rect class="mark" x="${round(left)}" y="${MARGIN.top}" width="${round(width)}" height="${height}"/>` +
        `<text class="mark-label" x="${round(left + 4)}" y="${MARGIN.top + 13}">${html(label)}</text>`
      )
    })
    .join('')
}

function renderLine({ points, variant, label }: Line, x: Scale, y: Scale): string {
  let d = ''
  let isDrawing = false
  for (const [px, py] of points) {
    if (Number.isNaN(py)) {
      isDrawing = false
      continue
    }
    d += `${isDrawing ? 'L' : 'M'}${round(x(px))} ${round(y(py))}`
    isDrawing = true
  }
  // Two lines of one variant have the same colour: the second one is dashed.
  const dash = /2$|^massive|^offset/.test(label) ? ' stroke-dasharray="5 4"' : ''
  return `<path class="line ${slug(variant)}" d="${d}"${dash}><title>${html(nameOf({ variant, label }))}</title></path>`
}

/** Labels the lines beside their last points, moved apart where they would overlap. */
function renderNames(lines: readonly Line[], x: Scale, y: Scale): string {
  const labels = lines
    .map(line => {
      const last = line.points.filter(([, value]) => !Number.isNaN(value)).at(-1)!
      return { line, end: [x(last[0]), y(last[1])] as const, labelY: y(last[1]) }
    })
    .sort((a, b) => a.labelY - b.labelY)
  const lowest = HEIGHT - MARGIN.bottom
  for (let i = 1; i < labels.length; i++)
    labels[i].labelY = Math.max(labels[i].labelY, labels[i - 1].labelY + LABEL_HEIGHT)
  const overflow = (labels.at(-1)?.labelY ?? 0) - lowest
  if (overflow > 0) {
    labels[labels.length - 1].labelY -= overflow
    for (let i = labels.length - 2; i >= 0; i--)
      labels[i].labelY = Math.min(labels[i].labelY, labels[i + 1].labelY - LABEL_HEIGHT)
  }
  const left = WIDTH - MARGIN.right + 14
  return labels
    .map(
      ({ line, end, labelY }) =>
        `<path class="leader" d="M${round(end[0] + 2)} ${round(end[1])}L${left - 3} ${round(labelY)}"/>` +
        `<text class="name ${slug(line.variant)}" x="${left}" y="${round(labelY + 4)}">${html(nameOf(line))}</text>`,
    )
    .join('')
}

const nameOf = ({ variant, label }: Pick<Line, 'variant' | 'label'>) =>
  label === '' ? variant : `${variant}, ${label}`

const round = (value: number) => value.toFixed(1).replace(/\.0$/, '')

export const slug = (text: string) => text.replace(/\W+/g, '-')

export function html(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
}
