import { formatCount, formatDuration } from './format.js'

export const COLUMNS = [
  { id: 'labels', title: 'Push group' },
  { id: 'pushed', title: 'Last push' },
  { id: 'failed', title: 'Last failure' },
  { id: 'expires', title: 'Expires' },
  { id: 'samples', title: 'Samples', isNumber: true },
]

export const keyOf = ({ labels }) => JSON.stringify(labels)

/**
 * The row of a push group.
 *
 * @param time log time, Unix ms
 * @param isOpen whether its metrics are shown
 * @param on what is called: toggle, remove
 */
export function createRow(group, { time, isOpen, on }) {
  const row = document.createElement('tr')
  const ago = at => (at ? `${formatDuration(time - at)} ago` : 'never')
  const hasFailed = group.failedAt > group.pushedAt
  row.append(
    labelsCell(group, isOpen, on),
    cell(ago(group.pushedAt)),
    cell(ago(group.failedAt), hasFailed ? 'bad-text' : 'faint'),
    cell(
      group.expiresAt ? `in ${formatDuration(group.expiresAt - time)}` : 'never',
      group.expiresAt ? '' : 'faint',
    ),
    cell(formatCount(group.samples), 'number'),
    buttonCell(group, on),
  )
  return row
}

function cell(text, className = '') {
  const element = document.createElement('td')
  element.textContent = text
  element.className = className
  return element
}

function button(text, className, focus, onClick) {
  const element = document.createElement('button')
  element.type = 'button'
  element.textContent = text
  element.className = className
  element.dataset.focus = focus
  element.addEventListener('click', onClick)
  return element
}

function labelsCell(group, isOpen, on) {
  const element = cell('', 'labels')
  const key = keyOf(group)
  const toggle = button(isOpen ? '−' : '+', 'toggle', `toggle ${key}`, () => on.toggle(group))
  toggle.setAttribute('aria-expanded', String(isOpen))
  toggle.setAttribute('aria-label', 'Show metrics')
  const list = document.createElement('div')
  element.append(toggle, list)
  const isJob = ([name]) => name === 'job'
  // The job first, as in the path.
  for (const [name, value] of [
    ...group.labels.filter(isJob),
    ...group.labels.filter(l => !isJob(l)),
  ])
    list.append(label(name, value))
  return element
}

function label(name, value) {
  const element = document.createElement('span')
  element.className = 'label'
  const written = document.createElement('i')
  written.textContent = `${name}=`
  element.append(written, value === '' ? '""' : value)
  return element
}

function buttonCell(group, on) {
  const element = document.createElement('td')
  element.append(button('Delete', 'delete', `delete ${keyOf(group)}`, () => on.remove(group)))
  return element
}
