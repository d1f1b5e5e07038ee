import { columns, count, stateName, stateOrder } from './columns.js'
import { filterOf, searchText } from './filter.js'
import { History } from './history.js'
import { Table } from './table.js'

const REFRESH_MS = 5000
const byId = id => document.getElementById(id)

/** What the API last said, and what the user wants to see of it. The view is in the address, so that it can be shared. */
const state = { targets: [], shards: [], answered: 0, failure: '', ...readAddress() }
const history = new History()
const table = new Table(column => {
  state.descending = state.column === column && !state.descending
  state.column = column
  draw()
})

function readAddress() {
  const hash = new URLSearchParams(location.hash.slice(1))
  const column = columns.some(c => c.id === hash.get('sort')) ? hash.get('sort') : 'state'
  // Worst first: what is up interests least.
  return { filter: hash.get('filter') ?? '', column, descending: hash.get('desc') !== '0' }
}

function writeAddress() {
  const hash = new URLSearchParams({
    filter: state.filter,
    sort: state.column,
    desc: state.descending ? '1' : '0',
  })
  window.history.replaceState(null, '', `#${hash}`)
}

async function refresh() {
  try {
    const response = await fetch('api/v1/targets?scope=group')
    const answer = response.headers.get('content-type')?.includes('json') ? await response.json() : {}
    if (!response.ok || answer.status !== 'success') {
      throw new Error(answer.error ?? `this shard answered ${response.status}`)
    }
    state.targets = ranked(answer.data.targets)
    history.add(state.targets, Date.now())
    for (const target of state.targets) target.delays = history.of(target)
    state.shards = (answer.data.shards ?? []).sort((a, b) => byNameAndNumber.compare(a.address, b.address))
    state.failure = (answer.warnings ?? []).join('\n')
    state.answered = Date.now()
  } catch (error) {
    state.failure = `Not refreshed: ${error.message}`
  }
  draw()
}

const byNameAndNumber = new Intl.Collator('en', { numeric: true })

/** With what they are searched and sorted by, made once: by job and instance, host-2 before host-10. */
function ranked(targets) {
  const named = targets.map(target => {
    const { job, instance = '' } = target.labels
    return {
      ...target,
      key: JSON.stringify(target.labels),
      text: searchText(target),
      name: `${job} ${instance}`,
    }
  })
  named.sort((a, b) => byNameAndNumber.compare(a.name, b.name))
  return named.map((target, rank) => ({ ...target, rank }))
}

function sorted(targets) {
  const { by } = columns.find(column => column.id === state.column)
  const sign = state.descending ? -1 : 1
  const keyed = targets.map(target => [by(target), target])
  keyed.sort(([a, s], [b, t]) => (a < b ? -sign : a > b ? sign : s.rank - t.rank))
  return keyed.map(([, target]) => target)
}

function draw() {
  const shown = sorted(state.targets.filter(filterOf(state.filter)))
  table.show(
    shown,
    state,
    state.targets.length
      ? 'No target matches the filter.'
      : state.answered
        ? 'No targets yet. An app appears here with its first snapshot.\nNothing comes? `kafka-exposer tail` shows what is in the topic, and what is refused and why.'
        : '',
  )
  byId('matches').textContent = state.filter ? `${count(shown.length)} of ${count(state.targets.length)}` : ''
  byId('notice').textContent = state.failure
  byId('notice').hidden = !state.failure
  if (byId('filter').value !== state.filter) byId('filter').value = state.filter
  drawSummary()
  drawShards()
  drawFreshness()
  writeAddress()
}

function drawSummary() {
  const byState = new Map([['up', 0]])
  for (const target of state.targets) byState.set(target.state, (byState.get(target.state) ?? 0) + 1)
  const series = state.targets.reduce((sum, target) => sum + target.series, 0)
  const states = [...byState].sort(([a], [b]) => stateOrder(a) - stateOrder(b))
  byId('summary').replaceChildren(
    tile(count(state.targets.length), state.targets.length === 1 ? 'target' : 'targets'),
    tile(count(series), 'series'),
    ...states.map(([name, n]) => stateTile(name, n)),
  )
}

function tile(number, name, element = document.createElement('div')) {
  element.className = 'tile'
  const big = document.createElement('b')
  const small = document.createElement('span')
  big.textContent = number
  small.textContent = name
  element.append(big, small)
  return element
}

/** Counts a state; a click shows only it, another one everything again. */
function stateTile(name, n) {
  const button = tile(count(n), stateName(name), document.createElement('button'))
  const filter = `state=${name}`
  button.type = 'button'
  button.firstChild.className = n ? name : ''
  button.setAttribute('aria-pressed', String(state.filter === filter))
  button.addEventListener('click', () => {
    state.filter = state.filter === filter ? '' : filter
    draw()
  })
  return button
}

function drawShards() {
  byId('shards').replaceChildren(
    ...state.shards.map(({ address, partitions, error }) => {
      const element = document.createElement('div')
      element.className = error ? 'shard missing' : 'shard'
      const link = document.createElement('a')
      link.href = address
      link.textContent = address.replace(/^https?:\/\//, '')
      const owns = document.createElement('span')
      const noun = partitions.length === 1 ? 'partition' : 'partitions'
      owns.textContent = error ?? (partitions.length ? `${noun} ${ranges(partitions)}` : 'no partitions')
      element.append(link, owns)
      return element
    }),
  )
}

/** 0, 1, 2, 5 as "0–2, 5". */
function ranges(numbers) {
  const runs = []
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last && last[1] === n - 1) last[1] = n
    else runs.push([n, n])
  }
  return runs.map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(', ')
}

function drawFreshness() {
  const age = Math.round((Date.now() - state.answered) / 1000)
  byId('freshness').textContent = state.answered ? (age < 2 ? 'just now' : `${age} s ago`) : 'loading …'
}

byId('filter').addEventListener('input', event => {
  state.filter = event.target.value
  draw()
})
document.addEventListener('keydown', event => {
  if (event.key !== '/' || event.target === byId('filter')) return
  event.preventDefault()
  byId('filter').focus()
})
addEventListener('hashchange', () => {
  Object.assign(state, readAddress())
  draw()
})

/** One request at a time, and none while nobody looks. */
async function keepFresh() {
  if (!document.hidden) await refresh()
  setTimeout(keepFresh, REFRESH_MS)
}
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && Date.now() - state.answered > REFRESH_MS) refresh()
})
setInterval(drawFreshness, 1000)
keepFresh()
