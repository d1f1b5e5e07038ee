import { columns, formatCount, formatState, stateRank } from './columns.js'
import { createFilter, searchTextOf } from './filter.js'
import { DelayHistory } from './history.js'
import { renderReceivers } from './receivers.js'
import { Table } from './table.js'

const REFRESH_MS = 5000
const byId = id => document.getElementById(id)

/**
 * The last API response, and the filter and sort order. The latter are kept in the URL fragment.
 */
const state = { targets: [], shards: [], refreshedAt: 0, notice: '', ...readFragment() }
const history = new DelayHistory()
const table = new Table(column => {
  state.descending = state.column === column && !state.descending
  state.column = column
  render()
})

function readFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1))
  const column = columns.some(c => c.id === fragment.get('sort')) ? fragment.get('sort') : 'state'
  // The default order shows targets that are down first.
  return { filter: fragment.get('filter') ?? '', column, descending: fragment.get('desc') !== '0' }
}

function writeFragment() {
  const fragment = new URLSearchParams({
    filter: state.filter,
    sort: state.column,
    desc: state.descending ? '1' : '0',
  })
  window.history.replaceState(null, '', `#${fragment}`)
}

async function fetchData(path) {
  const response = await fetch(path)
  const isJson = response.headers.get('content-type')?.includes('json')
  const body = isJson ? await response.json() : {}
  if (!response.ok || body.status !== 'success')
    throw new Error(body.error ?? `the shard returned HTTP status ${response.status}`)
  return body.data
}

/** The receivers are known also while the list of targets is incomplete. */
const refresh = () => Promise.all([refreshReceivers(), refreshTargets()])

async function refreshReceivers() {
  try {
    renderReceivers(byId('receivers'), (await fetchData('api/v1/remote-write')).receivers)
  } catch (error) {
    state.notice ||= `Refresh failed: ${error.message}`
    render()
  }
}

async function refreshTargets() {
  try {
    const data = await fetchData('api/v1/targets?scope=group')
    state.targets = withSearchAndSortKeys(data.targets)
    history.add(state.targets, Date.now())
    for (const target of state.targets) target.delays = history.delaysOf(target)
    state.shards = (data.shards ?? []).sort((a, b) => collator.compare(a.address, b.address))
    state.notice = ''
    state.refreshedAt = Date.now()
  } catch (error) {
    state.notice = `Refresh failed: ${error.message}`
  }
  render()
}

/** Compares digits as numbers: host-2 before host-10. */
const collator = new Intl.Collator('en', { numeric: true })

/** Adds the search text and the rank by job and instance, once per refresh. */
function withSearchAndSortKeys(targets) {
  const named = targets.map(target => {
    const { job, instance = '' } = target.labels
    return {
      ...target,
      key: JSON.stringify(target.labels),
      text: searchTextOf(target),
      name: `${job} ${instance}`,
    }
  })
  named.sort((a, b) => collator.compare(a.name, b.name))
  return named.map((target, rank) => ({ ...target, rank }))
}

function sorted(targets) {
  const { sortKey } = columns.find(column => column.id === state.column)
  const sign = state.descending ? -1 : 1
  const keyed = targets.map(target => [sortKey(target), target])
  keyed.sort(([a, s], [b, t]) => (a < b ? -sign : a > b ? sign : s.rank - t.rank))
  return keyed.map(([, target]) => target)
}

const NO_TARGETS = `No targets. A target appears with its first snapshot.
To list the snapshots in the topic, run: kafka-exposer tail
To list refused records and the reasons, run: kafka-exposer tail --refused`

function emptyText() {
  if (state.targets.length > 0) return 'No target matches the filter.'
  return state.refreshedAt ? NO_TARGETS : ''
}

function render() {
  const matching = sorted(state.targets.filter(createFilter(state.filter)))
  table.render(matching, state, emptyText())
  byId('matches').textContent = state.filter
    ? `${formatCount(matching.length)} of ${formatCount(state.targets.length)} targets`
    : ''
  byId('notice').textContent = state.notice
  byId('notice').hidden = !state.notice
  if (byId('filter').value !== state.filter) byId('filter').value = state.filter
  renderSummary()
  renderShards()
  renderRefreshAge()
  writeFragment()
}

function renderSummary() {
  const counts = new Map([['up', 0]])
  for (const target of state.targets) counts.set(target.state, (counts.get(target.state) ?? 0) + 1)
  const series = state.targets.reduce((sum, target) => sum + target.series, 0)
  const states = [...counts].sort(([a], [b]) => stateRank(a) - stateRank(b))
  byId('summary').replaceChildren(
    createTile(
      formatCount(state.targets.length),
      state.targets.length === 1 ? 'target' : 'targets',
    ),
    createTile(formatCount(series), 'series'),
    ...states.map(([name, count]) => createStateTile(name, count)),
  )
}

function createTile(number, name, element = document.createElement('div')) {
  element.className = 'tile'
  const numberElement = document.createElement('b')
  const nameElement = document.createElement('span')
  numberElement.textContent = number
  nameElement.textContent = name
  element.append(numberElement, nameElement)
  return element
}

/**
 * The number of targets in a state. A click filters by the state, a second click removes the
 * filter.
 */
function createStateTile(name, count) {
  const button = createTile(formatCount(count), formatState(name), document.createElement('button'))
  const filter = `state=${name}`
  button.type = 'button'
  button.firstChild.className = count ? name : ''
  button.setAttribute('aria-pressed', String(state.filter === filter))
  button.addEventListener('click', () => {
    state.filter = state.filter === filter ? '' : filter
    render()
  })
  return button
}

function renderShards() {
  byId('shards').replaceChildren(
    ...state.shards.map(({ address, partitions }) => {
      const element = document.createElement('div')
      element.className = 'shard'
      const link = document.createElement('a')
      link.href = address
      link.textContent = address.replace(/^https?:\/\//, '')
      const details = document.createElement('span')
      const noun = partitions.length === 1 ? 'partition' : 'partitions'
      details.textContent = partitions.length
        ? `${noun} ${formatRanges(partitions)}`
        : 'no partitions'
      element.append(link, details)
      return element
    }),
  )
}

/** 0, 1, 2, 5 as "0–2, 5". */
function formatRanges(numbers) {
  const ranges = []
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last && last[1] === n - 1) last[1] = n
    else ranges.push([n, n])
  }
  return ranges.map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(', ')
}

function renderRefreshAge() {
  const age = Math.round((Date.now() - state.refreshedAt) / 1000)
  const text = age < 2 ? 'Updated just now' : `Updated ${age} s ago`
  byId('freshness').textContent = state.refreshedAt ? text : 'Loading …'
}

byId('filter').addEventListener('input', event => {
  state.filter = event.target.value
  render()
})
document.addEventListener('keydown', event => {
  if (event.key !== '/' || event.target === byId('filter')) return
  event.preventDefault()
  byId('filter').focus()
})
addEventListener('hashchange', () => {
  Object.assign(state, readFragment())
  render()
})

/** At most one request in flight, and none while the page is hidden. */
async function refreshPeriodically() {
  if (!document.hidden) await refresh()
  setTimeout(refreshPeriodically, REFRESH_MS)
}
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && Date.now() - state.refreshedAt > REFRESH_MS) refresh()
})
setInterval(renderRefreshAge, 1000)
refreshPeriodically()
