import { formatCount, formatSamples } from './format.js'

/** More would make the page slow. /metrics has all. */
const MAX_LINES_OF_FAMILY = 500
const MAX_LINES = 2000

/** The families of a push group with their samples, as an element. */
export function createDetail({ families }) {
  const root = document.createElement('div')
  if (families.length === 0) root.append(paragraph('This push group has no metrics.'))
  let room = MAX_LINES
  for (const [i, { name, family }] of families.entries()) {
    if (room <= 0) {
      root.append(paragraph(`… and ${formatCount(families.length - i)} more metrics`))
      break
    }
    const heading = document.createElement('h2')
    heading.textContent = name
    const lines = family.metrics.flatMap(metric => linesOf(name, metric))
    const count = Math.min(lines.length, MAX_LINES_OF_FAMILY, room)
    const shown = lines.slice(0, count).join('\n')
    const rest = lines.length - count
    room -= count
    const text = document.createElement('pre')
    text.tabIndex = 0
    text.textContent = rest > 0 ? `${shown}\n… and ${formatSamples(rest)} more` : shown
    root.append(heading, paragraph(`${family.type.toLowerCase()} ${family.help ?? ''}`), text)
  }
  return root
}

function paragraph(text) {
  const element = document.createElement('p')
  element.textContent = text
  return element
}

function linesOf(name, { labels, value, buckets, quantiles, sum, count }) {
  if (value !== undefined) return [`${name}${labelText(labels)} ${value}`]
  const bound = buckets ? 'le' : 'quantile'
  const suffix = buckets ? '_bucket' : ''
  return [
    ...Object.entries(buckets ?? quantiles).map(
      ([at, number]) => `${name}${suffix}${labelText({ ...labels, [bound]: at })} ${number}`,
    ),
    `${name}_sum${labelText(labels)} ${sum}`,
    `${name}_count${labelText(labels)} ${count}`,
  ]
}

function labelText(labels) {
  const texts = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return texts.length ? `{${texts.join(', ')}}` : ''
}
