import type { Line, Plot } from '../types.js'
import { formatNumber } from './format.js'
import { linear, logarithmic, type Scale } from './scale.js'

const WIDTH = 720
const HEIGHT = 300
const MARGIN = { top: 26, right: 178, bottom: 44, left: 58 }
const LABEL_HEIGHT = 16

/** A plot as SVG, with the names of its lines beside their ends instead of in a legend. */
export function renderPlot(plot: Plot): string {
  const lines = whole(plot).filter(({ points }) => points.some(([, y]) => !Number.isNaN(y)))
  if (lines.length === 0) return ''
  const [x, y] = axesOf(plot, lines)
  const parts = [grid(plot, x, y), marks(plot, x), ...lines.map(line => path(line, x, y)), names(lines, x, y)]
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${html(plot.title)}">${parts.join('')}</svg>`
}

/** A share that has reached its end stays there: all lines of a distribution go on to the right. */
function whole({ kind, lines }: Plot): readonly Line[] {
  if (kind !== 'distribution') return lines
  const furthest = Math.max(...lines.flatMap(({ points }) => points.map(([x]) => x)))
  return lines.map(line => {
    const last = line.points.at(-1)
    return last ? { ...line, points: [...line.points, [furthest, last[1]] as const] } : line
  })
}

function axesOf(plot: Plot, lines: readonly Line[]): [Scale, Scale] {
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x))
  const ys = lines.flatMap(({ points }) => points.map(([, y]) => y)).filter(y => !Number.isNaN(y))
  const across = [MARGIN.left, WIDTH - MARGIN.right] as const
  const up = [HEIGHT - MARGIN.bottom, MARGIN.top] as const
  const logX = plot.kind === 'scaling' || (plot.kind === 'distribution' && plot.logX)
  const logY = plot.kind === 'scaling' || (plot.kind === 'time' && plot.logY)
  const axis = (
    values: readonly number[],
    log: boolean | undefined,
    room: readonly [number, number],
    zero: boolean,
  ) => {
    const high = Math.max(...values)
    if (!log) return linear(zero ? Math.min(0, ...values) : Math.min(...values), high, room)
    // Errors of a rounding would draw the axis out to nothing.
    const positive = values.filter(value => value > 0)
    const least = Math.max(Math.min(...positive, high || 1), (high || 1) / 1e4)
    return logarithmic(least, high || 1, room)
  }
  return [axis(xs, logX, across, plot.kind === 'distribution'), axis(ys, logY, up, true)]
}

function grid(plot: Plot, x: Scale, y: Scale): string {
  const bottom = HEIGHT - MARGIN.bottom
  const right = WIDTH - MARGIN.right
  const share = plot.kind === 'distribution'
  return [
    ...y.ticks.map(
      tick =>
        `<line class="grid" x1="${MARGIN.left}" x2="${right}" y1="${place(y(tick))}" y2="${place(y(tick))}"/>` +
        `<text class="tick" x="${MARGIN.left - 8}" y="${place(y(tick) + 4)}" text-anchor="end">${share ? `${Math.round(tick * 100)} %` : formatNumber(tick)}</text>`,
    ),
    ...x.ticks.map(
      tick =>
        `<line class="grid" x1="${place(x(tick))}" x2="${place(x(tick))}" y1="${MARGIN.top}" y2="${bottom}"/>` +
        `<text class="tick" x="${place(x(tick))}" y="${bottom + 17}" text-anchor="middle">${formatNumber(tick)}</text>`,
    ),
    `<text class="axis" x="${(MARGIN.left + right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${html(plot.x)}</text>`,
    `<text class="axis" x="${MARGIN.left - 8}" y="14" text-anchor="start">${html(plot.y)}</text>`,
  ].join('')
}

function marks({ marks: all = [] }: Plot, x: Scale): string {
  const height = HEIGHT - MARGIN.bottom - MARGIN.top
  return all
    .map(({ from, to, label }) => {
      const left = x(from)
      const width = to === undefined ? 1.5 : Math.max(1.5, x(to) - left)
      return (
        `<rect class="mark" x="${place(left)}" y="${MARGIN.top}" width="${place(width)}" height="${height}"/>` +
        `<text class="mark-label" x="${place(left + 4)}" y="${MARGIN.top + 13}">${html(label)}</text>`
      )
    })
    .join('')
}

function path({ points, variant, label }: Line, x: Scale, y: Scale): string {
  let d = ''
  let pen = false
  for (const [px, py] of points) {
    if (Number.isNaN(py)) {
      pen = false
      continue
    }
    d += `${pen ? 'L' : 'M'}${place(x(px))} ${place(y(py))}`
    pen = true
  }
  // The second of two lines of one colour.
  const dash = /two$|^massive/.test(label) ? ' stroke-dasharray="5 4"' : ''
  return `<path class="line ${slug(variant)}" d="${d}"${dash}><title>${html(nameOf({ variant, label }))}</title></path>`
}

/** Beside the last point of each line, pushed apart where they would lie on each other. */
function names(lines: readonly Line[], x: Scale, y: Scale): string {
  const labels = lines
    .map(line => {
      const last = line.points.filter(([, value]) => !Number.isNaN(value)).at(-1)!
      return { line, end: [x(last[0]), y(last[1])] as const, at: y(last[1]) }
    })
    .sort((a, b) => a.at - b.at)
  const lowest = HEIGHT - MARGIN.bottom
  for (let i = 1; i < labels.length; i++)
    labels[i].at = Math.max(labels[i].at, labels[i - 1].at + LABEL_HEIGHT)
  const over = (labels.at(-1)?.at ?? 0) - lowest
  if (over > 0) {
    labels[labels.length - 1].at -= over
    for (let i = labels.length - 2; i >= 0; i--)
      labels[i].at = Math.min(labels[i].at, labels[i + 1].at - LABEL_HEIGHT)
  }
  const left = WIDTH - MARGIN.right + 14
  return labels
    .map(
      ({ line, end, at }) =>
        `<path class="leader" d="M${place(end[0] + 2)} ${place(end[1])}L${left - 3} ${place(at)}"/>` +
        `<text class="name ${slug(line.variant)}" x="${left}" y="${place(at + 4)}">${html(nameOf(line))}</text>`,
    )
    .join('')
}

const nameOf = ({ variant, label }: Pick<Line, 'variant' | 'label'>) =>
  label === '' ? variant : `${variant}, ${label}`

const place = (value: number) => value.toFixed(1).replace(/\.0$/, '')

export const slug = (text: string) => text.replace(/\W+/g, '-')

export function html(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
