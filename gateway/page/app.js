import { change, groupPath, read } from './api.js'
import { button } from './cells.js'
import { createDetail } from './detail.js'
import { formatBytes, formatCount, formatDuration, formatSamples } from './format.js'
import { mirrors } from './mirrors.js'
import { pushGroups } from './push-groups.js'
import { storeTiles, tile } from './tiles.js'

const REFRESH_MS = 5000
const TYPING_MS = 200
const PAGE_SIZE = 50
const byId = id => document.getElementById(id)
const LISTS = [pushGroups, mirrors]

/** What is shown, and the last answers of the gateway. List, search, order and page are in the URL. */
const state = {
  items: [],
  total: 0,
  time: 0,
  readAt: 0,
  notice: '',
  status: null,
  ...readFragment(),
}
/** Elements with the metrics of the push groups that are open, by key. */
const open = new Map()
/** Number of the last refresh: answers may overtake each other. */
let refreshes = 0

function readFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1))
  const list = LISTS.find(({ id }) => id === fragment.get('list')) ?? pushGroups
  const sort = list.columns.some(({ id }) => id && id === fragment.get('sort'))
    ? fragment.get('sort')
    : list.sort
  return {
    list,
    search: fragment.get('search') ?? '',
    sort,
    descending: fragment.get('desc') === '1',
    page: Math.max(0, Number.parseInt(fragment.get('page') ?? '0', 10) || 0),
  }
}

function writeFragment() {
  const { list, search, sort, descending, page } = state
  const shown = { list: list.id, search, sort, desc: descending ? '1' : '0', page }
  history.replaceState(null, '', `#${new URLSearchParams(shown)}`)
}

async function refresh() {
  const number = ++refreshes
  const { list, search, sort, descending, page } = state
  const query = new URLSearchParams({
    search,
    sort,
    desc: descending ? '1' : '0',
    offset: page * PAGE_SIZE,
    limit: PAGE_SIZE,
  })
  try {
    const status = await read('api/v1/status')
    if (number !== refreshes) return
    // Also shown while there is no list: it says how far the start is.
    Object.assign(state, { status, notice: noticeOf(status) })
    if (status.store.trouble) return render()
    const answer = await list.page(query)
    if (number !== refreshes) return
    Object.assign(state, answer, { readAt: performance.now() })
    if (page > 0 && answer.items.length === 0) return goTo(lastPage())
    await refreshDetails()
  } catch (error) {
    if (number !== refreshes) return
    state.notice = `Refresh failed: ${error.message}`
  }
  render()
}

const noticeOf = ({ store: { trouble, impairment } }) =>
  trouble ? `This gateway is not ready: ${trouble}` : (impairment ?? '')

async function refreshDetails() {
  for (const group of state.items) {
    const key = state.list.keyOf(group)
    if (!open.has(key)) continue
    const detail = await readDetail(group)
    // It may have been closed meanwhile.
    if (open.has(key)) open.set(key, detail)
  }
}

async function readDetail({ labels }) {
  try {
    return createDetail(await read(`api/v1/group?${new URLSearchParams(labels)}`))
  } catch (error) {
    const text = document.createElement('p')
    text.textContent = `The metrics cannot be read: ${error.message}`
    return text
  }
}

const lastPage = () => Math.max(0, Math.ceil(state.total / PAGE_SIZE) - 1)

function goTo(page) {
  state.page = page
  return refresh()
}

function render() {
  writeFragment()
  renderSummary()
  renderLists()
  renderHead()
  renderRows()
  const { notice, search, total, page } = state
  byId('notice').textContent = notice
  byId('notice').hidden = !notice
  if (byId('search').value !== search) byId('search').value = search
  byId('matches').textContent = search ? `${formatCount(total)} matching` : ''
  byId('page').textContent = total
    ? `${formatCount(page * PAGE_SIZE + 1)}–${formatCount(page * PAGE_SIZE + state.items.length)} of ${formatCount(total)}`
    : ''
  byId('previous').disabled = page === 0
  byId('next').disabled = page >= lastPage()
  byId('wipe').hidden = !state.status?.admin_api || state.list !== pushGroups
  renderAge()
}

function renderSummary() {
  const { status } = state
  if (!status) return
  const { store, paths } = status
  byId('metrics').href = paths.metrics.slice(1)
  byId('metrics').textContent = paths.metrics
  byId('telemetry').href = paths.telemetry.slice(1)
  byId('telemetry').textContent = paths.telemetry
  byId('summary').replaceChildren(
    tile(formatCount(store.groups), store.groups === 1 ? 'push group' : 'push groups'),
    tile(formatCount(store.samples), 'samples'),
    ...(store.ingested ? [tile(formatCount(store.ingested), 'ingested series')] : []),
    ...(store.conflicts
      ? [tile(formatCount(store.conflicts), 'samples in conflict', { isBad: true })]
      : []),
    tile(formatBytes(store.bytes), 'memory'),
    ...storeTiles(store),
  )
}

/** The choice of a list, where there is more than one. */
function renderLists() {
  const { list, status } = state
  byId('lists').hidden = !status?.store.mirrors
  const buttons = LISTS.map(one => {
    const choice = button(one.title, '', `list ${one.id}`, () => {
      Object.assign(state, { list: one, items: [], readAt: 0, sort: one.sort, descending: false })
      goTo(0)
    })
    choice.setAttribute('aria-pressed', String(one === list))
    return choice
  })
  keepFocus(() => byId('lists').replaceChildren(...buttons))
  byId('search').placeholder = list.search.example
  byId('search').setAttribute('aria-label', list.search.label)
  byId('list').setAttribute('aria-label', list.title)
}

function renderHead() {
  const cells = state.list.columns.map(({ id, title, isNumber }) => {
    const cell = document.createElement('th')
    if (!id) return cell
    const isSorted = state.sort === id
    cell.scope = 'col'
    cell.className = isNumber ? 'number' : ''
    cell.setAttribute(
      'aria-sort',
      isSorted ? (state.descending ? 'descending' : 'ascending') : 'none',
    )
    const name = isSorted ? `${title} ${state.descending ? '▾' : '▴'}` : title
    cell.append(
      button(name, '', `sort ${id}`, () => {
        state.descending = isSorted && !state.descending
        state.sort = id
        goTo(0)
      }),
    )
    return cell
  })
  keepFocus(() => byId('head').replaceChildren(...cells))
}

function renderRows() {
  const { list, items, time, readAt, search } = state
  const now = time + (performance.now() - readAt)
  const rows = items.flatMap(item => {
    const detail = open.get(list.keyOf(item))
    const isOpen = detail !== undefined
    const row = list.createRow(item, { time: now, isOpen, on: { toggle, remove } })
    return isOpen ? [row, detailRow(detail)] : [row]
  })
  keepFocus(() => byId('rows').replaceChildren(...rows))
  byId('empty').hidden = items.length > 0 || !readAt
  byId('empty').replaceChildren(...(search ? [list.none] : list.empty(state)))
}

function detailRow(detail) {
  const row = document.createElement('tr')
  const cell = document.createElement('td')
  cell.className = 'detail'
  cell.colSpan = state.list.columns.length
  cell.append(detail)
  row.append(cell)
  return row
}

/** Gives the focus to the button that takes the place of the focused one. */
function keepFocus(replace) {
  const { focus } = document.activeElement?.dataset ?? {}
  replace()
  if (focus === undefined) return
  for (const element of document.querySelectorAll('[data-focus]'))
    if (element.dataset.focus === focus) element.focus()
}

async function toggle(group) {
  const key = pushGroups.keyOf(group)
  if (!open.delete(key)) open.set(key, await readDetail(group))
  render()
}

const remove = group => {
  const labels = group.labels.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')
  const text = `Delete the push group {${labels}} with ${formatSamples(group.samples)}?`
  confirmed(text, 'Delete', () => change('DELETE', groupPath(group.labels)))
}

function confirmed(question, action, act) {
  const dialog = byId('confirm')
  byId('question').textContent = question
  byId('confirmed').textContent = action
  dialog.returnValue = ''
  dialog.onclose = async () => {
    if (dialog.returnValue !== 'delete') return
    try {
      await act()
      await refresh()
    } catch (error) {
      state.notice = `Not deleted: ${error.message}`
      render()
    }
  }
  dialog.showModal()
}

function renderAge() {
  byId('freshness').textContent = state.readAt
    ? `Updated ${formatDuration(performance.now() - state.readAt)} ago`
    : 'Loading …'
}

let typing
byId('search').addEventListener('input', ({ target }) => {
  state.search = target.value
  clearTimeout(typing)
  typing = setTimeout(() => goTo(0), TYPING_MS)
})
byId('previous').addEventListener('click', () => goTo(state.page - 1))
byId('next').addEventListener('click', () => goTo(state.page + 1))
byId('wipe').addEventListener('click', () =>
  confirmed(
    'Delete all push groups and ingested series, of all gateways with this store?',
    'Delete all',
    () => change('PUT', 'api/v1/admin/wipe'),
  ),
)
document.addEventListener('keydown', event => {
  const isTyping = ['INPUT', 'TEXTAREA'].includes(event.target.tagName)
  if (event.key !== '/' || isTyping || byId('confirm').open) return
  event.preventDefault()
  byId('search').focus()
})
window.addEventListener('hashchange', () => {
  Object.assign(state, readFragment())
  refresh()
})

const loop = async () => {
  if (!document.hidden) await refresh()
  setTimeout(loop, REFRESH_MS)
}
setInterval(renderAge, 1000)
loop()
