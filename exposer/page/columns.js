import { createSparkline } from './history.js'

/** A duration in seconds as text: 0.42 s, 12 s, 3 m 20 s, 2 h 5 m. */
export function formatSeconds(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  if (Math.abs(value) < 10) return `${value.toFixed(2)} s`
  if (Math.abs(value) < 120) return `${Math.round(value)} s`
  if (value < 7200) return `${Math.floor(value / 60)} m ${Math.round(value % 60)} s`
  return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} m`
}

export function formatCount(value) {
  return value === null || value === undefined ? '–' : value.toLocaleString('en')
}

/** In ascending order of severity. */
const STATES = ['up', 'ended', 'replaying', 'lagging', 'over_limit', 'failed', 'blind', 'stale']
/** Sort key of a state, for tiles and table. Unknown states are last. */
export const stateRank = state => (STATES.includes(state) ? STATES.indexOf(state) : STATES.length)
export const formatState = state => state.replace('_', ' ')

/** A cell with a text. @param title its tooltip; empty: none */
export function createCell(className, text, title = text) {
  const element = document.createElement('td')
  element.className = className
  element.textContent = text
  if (title) element.title = title
  return element
}

function createTargetCell(target) {
  const element = createCell('target', '', '')
  const { job, instance, ...others } = target.labels
  const link = document.createElement('a')
  link.href = `target?${new URLSearchParams(target.labels)}`
  link.append(createBold(job), instance === undefined ? '' : `  ${instance}`)
  const more = document.createElement('span')
  more.className = 'more'
  more.textContent = Object.entries(others)
    .map(([name, value]) => `  ${name}=${value}`)
    .join('')
  if (target.relayed) more.textContent += `  relayed: ${target.relayed}`
  element.append(link, more)
  element.title = Object.entries(target.labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join('\n')
  return element
}

function createHistoryCell(target) {
  const maximum = target.delays.length
    ? `Maximum since the page was opened: ${formatSeconds(Math.max(...target.delays))}`
    : ''
  const element = createCell('history', '', maximum)
  element.append(createSparkline(target.delays, maximum))
  return element
}

function createBold(text) {
  const element = document.createElement('b')
  element.textContent = text
  return element
}

const withoutScheme = url => url.replace(/^https?:\/\//, '')

const formatReason = ({ state, reason, warning }) =>
  [state === 'up' ? '' : reason, warning].filter(Boolean).join('; ')

/**
 * The columns of the table. `tooltip` explains the title, `sortKey` and `createCell` take a target.
 */
export const columns = [
  {
    id: 'state',
    width: '118px',
    title: 'State',
    sortKey: target => stateRank(target.state),
    createCell: target => createCell(`state ${target.state}`, formatState(target.state)),
  },
  {
    id: 'target',
    width: '26%',
    title: 'Target',
    tooltip: 'Identifying labels of the virtual target',
    sortKey: target => target.rank,
    createCell: createTargetCell,
  },
  {
    id: 'age',
    width: '84px',
    title: 'Last snapshot',
    tooltip: 'Log time since the last snapshot was appended',
    isNumeric: true,
    sortKey: target => target.ageSeconds,
    createCell: target => createCell('number', formatSeconds(target.ageSeconds)),
  },
  {
    id: 'delay',
    width: '100px',
    title: 'Propagation delay',
    tooltip:
      'Time from the collection of the newest snapshot in the app until the shard applied it',
    isNumeric: true,
    sortKey: target => target.delaySeconds,
    createCell: target => createCell('number', formatSeconds(target.delaySeconds)),
  },
  {
    id: 'history',
    width: '104px',
    title: 'Delay history',
    tooltip:
      'Propagation delay of the snapshots since this page was opened, at most five minutes. Sorted by the maximum.',
    sortKey: target => Math.max(0, ...target.delays),
    createCell: createHistoryCell,
  },
  {
    id: 'playout',
    width: '82px',
    title: 'Playout delay',
    tooltip: 'A virtual target serves the newest snapshot that is at least this old',
    isNumeric: true,
    sortKey: target => target.playoutSeconds,
    createCell: target =>
      createCell('number', formatSeconds(target.playoutSeconds), target.playoutReason),
  },
  {
    id: 'series',
    width: '78px',
    title: 'Series',
    tooltip: 'Number of series in the newest snapshot',
    isNumeric: true,
    sortKey: target => target.series,
    createCell: target => createCell('number', formatCount(target.series)),
  },
  {
    id: 'interval',
    width: '80px',
    title: 'Publish interval',
    tooltip: 'Interval between two snapshots of the app',
    isNumeric: true,
    sortKey: target => target.intervalMs,
    createCell: target => createCell('number', `${target.intervalMs / 1000} s`),
  },
  {
    id: 'partition',
    width: '84px',
    title: 'Partition',
    tooltip: 'Partition of the topic that holds the snapshots of the target',
    isNumeric: true,
    sortKey: target => target.partition,
    createCell: target => createCell('number', String(target.partition)),
  },
  {
    id: 'shard',
    width: '150px',
    title: 'Shard',
    tooltip: 'Shard that owns the partition',
    sortKey: target => target.shard,
    createCell: target => createCell('shard-cell', withoutScheme(target.shard), target.shard),
  },
  {
    id: 'reason',
    width: '24%',
    title: 'Reason',
    tooltip: 'Reason why the target is not up, or what is wrong although it is up',
    sortKey: target => formatReason(target),
    createCell: target => createCell('reason', formatReason(target)),
  },
]
