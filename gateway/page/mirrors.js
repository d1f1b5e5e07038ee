import { read } from './api.js'
import { cell, labelList } from './cells.js'
import { formatCount, formatDuration } from './format.js'

/** The list of the targets that this gateway mirrors. */
export const mirrors = {
  id: 'mirrors',
  title: 'Mirrored targets',
  search: { label: 'Search mirrored targets', example: 'Search labels: job=shop db-1' },
  none: 'No mirrored target matches the search.',
  // Those with a problem come first.
  sort: 'problem',
  columns: [
    { id: 'labels', title: 'Target' },
    { id: 'problem', title: 'Problem' },
    { id: 'behind', title: 'Last snapshot' },
    { id: 'interval', title: 'Interval' },
    { id: 'series', title: 'Series', isNumber: true },
    { id: 'out_of_order', title: 'Out of order', isNumber: true },
  ],
  keyOf: ({ labels }) => JSON.stringify(labels),
  async page(query) {
    const answer = await read(`api/v1/mirrors?${query}`)
    return { items: answer.mirrors, total: answer.total, partitions: answer.partitions }
  },
  createRow,
  empty,
}

/** The row of a mirrored target, as of the answer: its times are of the log, not of this browser. */
function createRow(mirror) {
  const row = document.createElement('tr')
  const labels = cell('', 'labels')
  labels.append(labelList(Object.entries(mirror.labels)))
  const { warnings, last_snapshot, behind_seconds, interval_seconds, has_up } = mirror
  const interval = formatDuration(interval_seconds * 1000)
  row.append(
    labels,
    problemCell(warnings),
    cell(
      last_snapshot === null ? 'none yet' : `${formatDuration(behind_seconds * 1000)} ago`,
      last_snapshot === null ? 'faint' : '',
    ),
    cell(has_up ? interval : `${interval}, without up`),
    cell(formatCount(mirror.series), 'number'),
    cell(formatCount(mirror.out_of_order_samples), 'number'),
  )
  return row
}

function problemCell(warnings) {
  const element = cell(warnings.length > 0 ? '' : 'none', warnings.length > 0 ? 'problem' : 'faint')
  for (const warning of warnings) {
    const text = document.createElement('p')
    text.className = 'bad-text'
    text.textContent = `${warning}.`
    element.append(text)
  }
  return element
}

function empty({ partitions }) {
  return partitions
    ? ['No mirrored targets. They come from what agents send to api/v1/write.']
    : ['This gateway mirrors no partition: other gateways do, or the topics are missing.']
}
