import { read } from './api.js'
import { button, cell, labelList } from './cells.js'
import { formatCount, formatDuration } from './format.js'

const keyOf = ({ labels }) => JSON.stringify(labels)

/** The list of push groups. */
export const pushGroups = {
  id: 'groups',
  title: 'Push groups',
  search: { label: 'Search push groups', example: 'Search labels: job=backup db-1' },
  none: 'No push group matches the search.',
  sort: 'labels',
  columns: [
    { id: 'labels', title: 'Push group' },
    { id: 'pushed', title: 'Last push' },
    { id: 'failed', title: 'Last failure' },
    { id: 'expires', title: 'Expires' },
    { id: 'samples', title: 'Samples', isNumber: true },
    { title: '' },
  ],
  keyOf,
  async page(query) {
    const { groups, ...rest } = await read(`api/v1/groups?${query}`)
    return { items: groups, ...rest }
  },
  createRow,
  empty,
}

/**
 * The row of a push group.
 *
 * @param time log time, Unix ms
 * @param isOpen whether its metrics are shown
 * @param on what is called: toggle, remove
 */
function createRow(group, { time, isOpen, on }) {
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

function labelsCell(group, isOpen, on) {
  const element = cell('', 'labels')
  const key = keyOf(group)
  const toggle = button(isOpen ? '−' : '+', 'toggle', `toggle ${key}`, () => on.toggle(group))
  toggle.setAttribute('aria-expanded', String(isOpen))
  toggle.setAttribute('aria-label', 'Show metrics')
  element.append(toggle, labelList(group.labels))
  return element
}

function buttonCell(group, on) {
  const element = document.createElement('td')
  element.append(button('Delete', 'delete', `delete ${keyOf(group)}`, () => on.remove(group)))
  return element
}

function empty() {
  const command = document.createElement('code')
  const url = new URL('metrics/job/some_job', location.href).href
  command.textContent = `echo "some_metric 1" | curl --data-binary @- ${url}`
  return ['No push groups. To push a metric, run:', command]
}
