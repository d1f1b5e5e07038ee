import { formatCount, formatDuration } from './format.js'

const STATES = { up: 'up', down: 'down', unknown: 'not yet' }

/** The row of a target, as `/api/v1/targets` has it. @param now Unix ms */
export function createRow(target, now) {
  const row = document.createElement('tr')
  const last = Date.parse(target.lastScrape)
  const isNew = target.health === 'unknown'
  row.append(
    labelsCell(target),
    cell(STATES[target.health] ?? target.health, target.health === 'down' ? 'bad-text' : ''),
    cell(isNew ? 'never' : `${formatDuration(Math.max(0, now - last))} ago`, isNew ? 'faint' : ''),
    cell(isNew ? '' : formatDuration(target.lastScrapeDuration * 1000), 'number'),
    cell(isNew ? '' : formatCount(target.series), 'number'),
    cell(errorOf(target), 'error bad-text'),
  )
  return row
}

function errorOf({ lastError, droppedSeries, overridingSeries }) {
  if (lastError) return lastError
  const notes = []
  if (droppedSeries) notes.push(`${formatCount(droppedSeries)} series cannot be published`)
  if (overridingSeries)
    notes.push(`${formatCount(overridingSeries)} series need honor_labels in Prometheus`)
  return notes.join('; ')
}

function cell(text, className = '') {
  const element = document.createElement('td')
  element.textContent = text
  element.className = className
  return element
}

function labelsCell({ labels, scrapeUrl }) {
  const element = cell('', 'labels')
  const list = document.createElement('div')
  for (const [name, value] of Object.entries(labels)) list.append(label(name, value))
  element.append(list)
  if (scrapeUrl) {
    const url = document.createElement('a')
    url.className = 'faint'
    url.href = scrapeUrl
    url.textContent = scrapeUrl
    element.append(url)
  }
  return element
}

function label(name, value) {
  const element = document.createElement('span')
  element.className = 'label'
  const written = document.createElement('i')
  written.textContent = `${name}=`
  element.append(written, value)
  return element
}
