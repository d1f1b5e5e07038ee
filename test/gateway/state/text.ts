import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { PushState } from '../../../gateway/state/push-state.js'
import { encodeRequest } from '../../../gateway/state/request-codec.js'
import { seriesText } from '../../../gateway/state/series-text.js'
import type { Method, PushedFamily, PushedType, PushRequest } from '../../../gateway/state/types.js'
import type { PushView } from '../../../gateway/state/view.js'
import { runNow } from '../../../shared/base/steps.js'
import { latin1 } from '../../../shared/exposition/layout-text.js'
import { sortLabels } from '../../../shared/metrics/labels.js'
import type { Exposition } from '../../../shared/metrics/model.js'
import { TextReader } from '../../../shared/metrics/text/reader.js'

/** Families of a push in text, with the labels of the grouping key. */
function familiesOf(text: string, group: Readonly<Record<string, string>>): PushedFamily[] {
  const { families, values }: Exposition = new TextReader('push').read(Buffer.from(text))
  let at = 0
  return families.map(({ name, type, help, series }) => {
    const lines = series.map(({ suffix, labels }) => {
      const own = Object.fromEntries(labels.map(label => [label.name, label.value]))
      return `${seriesText(name + suffix, sortLabels({ instance: '', ...own, ...group }))}\n`
    })
    const from = at
    at += series.length
    return {
      name,
      type: type as PushedType,
      help,
      series: latin1(lines.join('')),
      values: values.slice(from, at),
    }
  })
}

export interface Push {
  readonly method?: Method
  readonly group?: Readonly<Record<string, string>>
  readonly body?: string
  readonly id?: Buffer
  readonly expiryMs?: number
  readonly checked?: boolean
}

export function requestOf(push: Push): PushRequest {
  const { method = 'put', group = { job: 'j' }, body = '', expiryMs = 0, checked = true } = push
  const isGlobal = method === 'ingest' || method === 'wipe' || method === 'tick'
  return {
    id: push.id ?? randomBytes(16),
    method,
    labels: isGlobal ? [] : sortLabels(group),
    families: familiesOf(body, isGlobal ? {} : group),
    expiryMs,
    checked,
  }
}

/** A changed record with the checksum of its contents. */
export function sealed(record: Buffer): Buffer {
  record.writeUInt32BE(crc32(record.subarray(8), crc32(record.subarray(0, 4))), 4)
  return record
}

/** Applies one request at the next offset. */
export function apply(state: PushState, push: Push, time = state.time) {
  const value = encodeRequest(requestOf(push))
  return runNow(state.apply({ offset: state.offset, time, value }))
}

export function exposition(
  view: PushView,
  escaping: 'allow-utf-8' | 'underscores' = 'underscores',
) {
  let text = ''
  for (const chunk of view.expose(escaping)) text += chunk.toString()
  return text
}

/** The exposition without the push times. */
export function pushed(state: PushState, time = state.time): string {
  return exposition(state.view(time))
    .split('\n')
    .filter(line => !/push_(failure_)?time_seconds/.test(line))
    .join('\n')
}
