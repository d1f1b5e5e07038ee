import { formatCount, formatDuration } from './format.js'
import { createRow } from './rows.js'

const REFRESH_MS = 5000
const MAX_ROWS = 500
const MAX_PROBLEMS = 3
const byId = id => document.getElementById(id)

/** The last answers of the agent. The search is in the URL. */
const state = { targets: [], status: null, notice: '', readAt: 0, search: readFragment() }

function readFragment() {
  return new URLSearchParams(location.hash.slice(1)).get('search') ?? ''
}

async function read(path) {
  const response = await fetch(path)
  if (!response.ok) throw new Error((await response.text()).trim() || `HTTP ${response.status}`)
  return (await response.json()).data
}

async function refresh() {
  try {
    const [status, { activeTargets }] = await Promise.all([
      read('api/v1/status'),
      read('api/v1/targets?state=active'),
    ])
    Object.assign(state, { status, targets: activeTargets, readAt: performance.now() })
    state.notice = noticeOf(status)
  } catch (error) {
    state.notice = `The agent cannot be read: ${error.message}`
  }
  render()
}

/** What is wrong with the agent itself, one line each. */
function noticeOf({ trouble, impairment, jobs }) {
  const problems = jobs.flatMap(({ name, problems, invalid }) =>
    [...problems, ...invalid].map(problem => `${name}: ${problem}`),
  )
  const others = problems.length - MAX_PROBLEMS
  return [
    ...(trouble ? [`This agent is not ready: ${trouble}`] : []),
    ...(impairment ? [`Snapshots wait: ${impairment}`] : []),
    ...problems.slice(0, MAX_PROBLEMS),
    ...(others > 0 ? [`${formatCount(others)} other problems: see /api/v1/status`] : []),
  ].join('\n')
}

const textOf = target =>
  [
    ...Object.entries(target.labels).map(([name, value]) => `${name}=${value}`),
    target.health,
    target.lastError,
    target.scrapeUrl,
  ].join(' ')

function matching() {
  const words = state.search.toLowerCase().split(/\s+/).filter(Boolean)
  return state.targets.filter(target => {
    const text = textOf(target).toLowerCase()
    return words.every(word => text.includes(word))
  })
}

function render() {
  history.replaceState(null, '', `#${new URLSearchParams({ search: state.search })}`)
  const { notice, search, status, targets } = state
  byId('notice').textContent = notice
  byId('notice').hidden = !notice
  if (byId('search').value !== search) byId('search').value = search
  // Those that are down first.
  const order = { down: 0, unknown: 1, up: 2 }
  const found = matching().sort((a, b) => order[a.health] - order[b.health])
  byId('rows').replaceChildren(
    ...found.slice(0, MAX_ROWS).map(target => createRow(target, Date.now())),
  )
  byId('matches').textContent =
    found.length > MAX_ROWS
      ? `${formatCount(MAX_ROWS)} of ${formatCount(found.length)} shown`
      : search
        ? `${formatCount(found.length)} matching`
        : ''
  byId('empty').hidden = found.length > 0 || !state.readAt
  byId('empty').textContent = search
    ? 'No target matches the search.'
    : 'No targets. Name one by --scrape.target or --config.file.'
  if (status) renderSummary(status, targets)
  renderAge()
}

function renderSummary({ targets: total, collections, delivery }, targets) {
  const down = targets.filter(({ health }) => health === 'down').length
  const series = targets.reduce((sum, target) => sum + target.series, 0)
  byId('summary').replaceChildren(
    tile(formatCount(total), total === 1 ? 'target' : 'targets'),
    tile(formatCount(down), 'down', down > 0),
    tile(formatCount(series), 'series'),
    tile(formatCount(collections.total), 'collections'),
    tile(formatCount(delivery.pending), 'pending'),
    tile(formatCount(delivery.superseded), 'superseded', delivery.superseded > 0),
    ...(delivery.refused ? [tile(formatCount(delivery.refused), 'refused', true)] : []),
  )
}

function tile(value, text, isBad = false) {
  const element = document.createElement('div')
  element.className = isBad ? 'tile bad' : 'tile'
  const number = document.createElement('b')
  number.textContent = value
  const name = document.createElement('span')
  name.textContent = text
  element.append(number, name)
  return element
}

function renderAge() {
  byId('freshness').textContent = state.readAt
    ? `Updated ${formatDuration(performance.now() - state.readAt)} ago`
    : 'Loading …'
}

byId('search').addEventListener('input', ({ target }) => {
  state.search = target.value
  render()
})
document.addEventListener('keydown', event => {
  if (event.key !== '/' || event.target.tagName === 'INPUT') return
  event.preventDefault()
  byId('search').focus()
})
window.addEventListener('hashchange', () => {
  state.search = readFragment()
  render()
})

const loop = async () => {
  if (!document.hidden) await refresh()
  setTimeout(loop, REFRESH_MS)
}
setInterval(renderAge, 1000)
loop()
