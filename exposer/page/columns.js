import { sparkline } from './history.js'

/** How a number of seconds reads best: 0.42 s, 12 s, 3 m 20 s, 2 h 5 m. */
export function seconds(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  if (Math.abs(value) < 10) return `${value.toFixed(2)} s`
  if (Math.abs(value) < 120) return `${Math.round(value)} s`
  if (value < 7200) return `${Math.floor(value / 60)} m ${Math.round(value % 60)} s`
  return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} m`
}

export function count(value) {
  return value === null || value === undefined ? '–' : value.toLocaleString('en')
}

/** From well to worst. */
const STATES = ['up', 'ended', 'replaying', 'lagging', 'over_limit', 'blind', 'stale']
/** Where each state stands in the tiles and when sorted; what is not known stands last. */
export const stateOrder = state => (STATES.includes(state) ? STATES.indexOf(state) : STATES.length)
export const stateName = state => state.replace('_', ' ')

function cell(className, text, title = text) {
  const element = document.createElement('td')
  element.className = className
  element.textContent = text
  if (title) element.title = title
  return element
}

function targetCell(target) {
  const element = cell('target', '', '')
  const { job, instance, ...others } = target.labels
  const link = document.createElement('a')
  link.href = `target?${new URLSearchParams(target.labels)}`
  link.append(strong(job), instance === undefined ? '' : `  ${instance}`)
  const more = document.createElement('span')
  more.className = 'more'
  more.textContent = Object.entries(others)
    .map(([name, value]) => `  ${name}=${value}`)
    .join('')
  element.append(link, more)
  element.title = Object.entries(target.labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join('\n')
  return element
}

function strong(text) {
  const element = document.createElement('b')
  element.textContent = text
  return element
}

const shortAddress = url => url.replace(/^https?:\/\//, '')

/** What the table shows: each column's title, what it sorts by, and its cell. */
export const columns = [
  {
    id: 'state',
    width: '118px',
    title: 'State',
    by: t => stateOrder(t.state),
    cell: t => cell(`state ${t.state}`, stateName(t.state)),
  },
  {
    id: 'target',
    width: '28%',
    title: 'Target',
    by: t => t.rank,
    cell: targetCell,
  },
  {
    id: 'age',
    width: '78px',
    title: 'Age',
    help: 'Time since its newest snapshot was collected',
    number: true,
    by: t => t.ageSeconds,
    cell: t => cell('number', seconds(t.ageSeconds)),
  },
  {
    id: 'delay',
    width: '78px',
    title: 'Delay',
    help: 'From collection in the app until it was read here',
    number: true,
    by: t => t.delaySeconds,
    cell: t => cell('number', seconds(t.delaySeconds)),
  },
  {
    id: 'history',
    width: '96px',
    title: 'Delays',
    help: 'Delays of the snapshots since this page was opened, five minutes of them; sorted by the largest',
    by: t => Math.max(0, ...t.delays),
    cell: t => {
      const largest = t.delays.length
        ? `at most ${seconds(Math.max(...t.delays))} since this page was opened`
        : ''
      const element = cell('history', '', largest)
      element.append(sparkline(t.delays, largest))
      return element
    },
  },
  {
    id: 'playout',
    width: '66px',
    title: 'D',
    help: 'Playout delay: virtual targets show what was collected so long ago',
    number: true,
    by: t => t.playoutSeconds,
    cell: t => cell('number', seconds(t.playoutSeconds), t.playoutReason),
  },
  {
    id: 'series',
    width: '78px',
    title: 'Series',
    number: true,
    by: t => t.series,
    cell: t => cell('number', count(t.series)),
  },
  {
    id: 'interval',
    width: '74px',
    title: 'Interval',
    help: 'How often the app publishes',
    number: true,
    by: t => t.intervalMs,
    cell: t => cell('number', `${t.intervalMs / 1000} s`),
  },
  {
    id: 'partition',
    width: '80px',
    title: 'Partition',
    number: true,
    by: t => t.partition,
    cell: t => cell('number', String(t.partition)),
  },
  {
    id: 'shard',
    width: '14%',
    title: 'Shard',
    by: t => t.shard,
    cell: t => cell('shard-cell', shortAddress(t.shard), t.shard),
  },
  {
    id: 'why',
    width: '30%',
    title: 'Why',
    help: 'Why it is not up',
    by: t => t.reason ?? '',
    cell: t => cell('why', t.state === 'up' ? '' : (t.reason ?? '')),
  },
]
