import { createCell, formatCount, formatSeconds } from './columns.js'

const columns = [
  { title: 'State', width: '118px', create: ({ state }) => createCell(`state ${state}`, state) },
  { title: 'Receiver', width: '20%', create: createReceiverCell },
  { title: 'Protocol', width: '74px', create: ({ protocol }) => createCell('', protocol) },
  {
    title: 'Lag',
    width: '92px',
    tooltip: 'Time by which sending to the receiver is behind the end of the log',
    isNumeric: true,
    create: ({ lagSeconds }) => createCell('number', formatSeconds(lagSeconds)),
  },
  {
    title: 'Last stored',
    width: '92px',
    tooltip: 'Time since the receiver has stored a request',
    isNumeric: true,
    create: ({ secondsSinceStored: age }) =>
      createCell('number', age === null ? 'never' : formatSeconds(age)),
  },
  {
    title: 'Samples stored',
    width: '104px',
    isNumeric: true,
    create: ({ samples }) => createCell('number', formatCount(samples)),
  },
  {
    title: 'Lost',
    width: '178px',
    tooltip:
      'Samples (refused, too large, too old) and records (retention, limit) that are lost for good',
    create: createLostCell,
  },
  {
    title: 'Pending',
    width: '78px',
    tooltip: 'Samples that wait or are in flight',
    isNumeric: true,
    create: ({ pending }) => createCell('number', formatCount(pending)),
  },
  { title: 'Queue shards', width: '64px', isNumeric: true, create: createShardsCell },
  { title: 'Last error', create: ({ error }) => createCell('reason', error || '–', error) },
]

/** Shows the receivers of remote write. The section is hidden without any. */
export function renderReceivers(section, receivers) {
  section.hidden = receivers.length === 0
  section.querySelector('thead tr').replaceChildren(
    ...columns.map(({ title, width, tooltip, isNumeric }) => {
      const element = document.createElement('th')
      element.scope = 'col'
      element.textContent = title
      element.title = tooltip ?? ''
      if (width) element.style.width = width
      if (isNumeric) element.className = 'number'
      return element
    }),
  )
  section.querySelector('tbody').replaceChildren(
    ...receivers.map(receiver => {
      const row = document.createElement('tr')
      row.append(...columns.map(({ create }) => create(receiver)))
      return row
    }),
  )
}

function createReceiverCell({ name, url }) {
  const element = createCell('target', '', `${name}\n${url}`)
  const nameElement = document.createElement('b')
  nameElement.textContent = name
  const urlElement = document.createElement('span')
  urlElement.className = 'more'
  urlElement.textContent = `  ${url}`
  element.append(nameElement, urlElement)
  return element
}

function createLostCell({ failed }) {
  const lost = Object.entries(failed).filter(
    // The receiver has what it refuses as repeated.
    ([reason, count]) => count > 0 && reason !== 'repeated',
  )
  const text = lost.map(([reason, count]) => `${formatCount(count)} ${reason.replace('_', ' ')}`)
  return createCell(lost.length ? 'lost' : '', text.join(', ') || '–')
}

function createShardsCell({ shards, shardsDesired }) {
  const desired = Math.ceil(shardsDesired)
  const title = `${formatCount(desired)} would be needed at the current rates`
  return createCell('number', formatCount(shards), title)
}
