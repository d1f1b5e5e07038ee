import { formatBytes, formatCount, formatDuration } from './format.js'

/** Above it the state of this gateway is visibly old. */
const MAX_LAG_SECONDS = 5

export function tile(value, text, { isBad = false, title = '' } = {}) {
  const element = document.createElement('div')
  element.className = isBad ? 'tile bad' : 'tile'
  element.title = title
  const number = document.createElement('b')
  number.textContent = value
  const name = document.createElement('span')
  name.textContent = text
  element.append(number, name)
  return element
}

/** What is known of the store: whether it is available, and with Kafka its log and publishing. */
export function storeTiles({ kind, trouble, impairment, log, publishing, mirrors }) {
  const isWell = !trouble && !impairment
  return [
    tile(
      kind === 'kafka' ? 'Kafka' : kind === 'redis' ? 'Redis' : kind,
      isWell ? 'store, available' : 'store, not available',
      { isBad: !isWell },
    ),
    ...(log ? logTiles(log) : []),
    ...(publishing ? [publishingTile(publishing)] : []),
    ...(mirrors?.partitions ? [mirrorsTile(mirrors)] : []),
  ]
}

function logTiles({ topic, time, applied_offset, lag_records, lag_seconds, snapshot }) {
  const isBehind = lag_seconds === null || lag_seconds > MAX_LAG_SECONDS
  const lag = lag_seconds
    ? `records behind, for ${formatDuration(lag_seconds * 1000)}`
    : 'records behind'
  return [
    tile(formatCount(applied_offset), 'log offset', { title: `Last applied record of ${topic}` }),
    tile(formatCount(lag_records), lag, { isBad: isBehind }),
    snapshot
      ? tile(
          `${formatDuration(time - snapshot.time)} ago`,
          `last snapshot, ${formatBytes(snapshot.bytes)}`,
          {
            title: `State at offset ${formatCount(snapshot.offset)}`,
          },
        )
      : tile('none', 'last snapshot'),
  ]
}

function publishingTile({ owner, targets }) {
  return owner
    ? tile(formatCount(targets), targets === 1 ? 'target published here' : 'targets published here')
    : tile('standby', 'publishing', {
        title: 'Another gateway owns the log in the consumer group, or none',
      })
}

function mirrorsTile({ targets, lag_seconds }) {
  return tile(
    formatCount(targets),
    targets === 1 ? 'target mirrored here' : 'targets mirrored here',
    {
      isBad: lag_seconds > MAX_LAG_SECONDS,
      title: `Targets of remote write; the end of the log was read ${formatDuration(lag_seconds * 1000)} ago`,
    },
  )
}
