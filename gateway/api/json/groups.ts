import { runInSlices } from '../../../shared/base/steps.js'
import type { Exchange } from '../../../shared/http/exchange.js'
import { Refusal } from '../../../shared/http/refusal.js'
import { sortLabels } from '../../../shared/metrics/labels.js'
import type { HeldGroup } from '../../state/view.js'
import type { Services } from '../services.js'
import { orUnavailable } from '../submit.js'
import { awaitTurn } from '../turn.js'
import { json, sendJson } from './answer.js'
import { findPage, labelOrder, listQuery, type SortKeys } from './list-query.js'
import { familyJson } from './metrics.js'

/** Keys by which the list of push groups can be sorted. */
const SORT_KEYS: SortKeys<HeldGroup> = {
  labels: ({ labels }) => labelOrder(labels),
  pushed: ({ pushedAt }) => pushedAt,
  failed: ({ failedAt }) => failedAt,
  expires: ({ expiresAt }) => expiresAt,
  samples: ({ samples }) => samples,
}

/** `/api/v1/groups`: a page of the list of push groups, without their samples. */
export function groups(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    const query = listQuery(exchange, SORT_KEYS)
    await awaitTurn(exchange, 'page', services)
    const view = await orUnavailable(() => services.store.read())
    const { total, items } = await runInSlices(findPage(view.groups(), query))
    await sendJson(exchange, () => json({ time: view.time, total, groups: items.map(summaryOf) }))
  }
}

/** `/api/v1/group?<label>=<value>`: the families of one push group with their metrics. */
export function group(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    const labels = Object.entries(exchange.query).map(([name, value]) => ({
      name,
      value: Array.isArray(value) ? value.at(-1)! : (value ?? ''),
    }))
    await awaitTurn(exchange, 'page', services)
    const view = await orUnavailable(() => services.store.read())
    const held = view.group(sortLabels(labels))
    if (!held) throw new Refusal(404, 'there is no push group with these labels')
    await sendJson(exchange, function* () {
      yield `{"time":${view.time},"group":${JSON.stringify(summaryOf(held))},"families":[`
      let separator = ''
      for (const family of held.families.values()) {
        yield `${separator}{"name":${JSON.stringify(family.name)},"family":`
        yield* familyJson(family)
        yield '}'
        separator = ','
      }
      yield ']}'
    })
  }
}

const summaryOf = ({ labels, families, samples, pushedAt, failedAt, expiresAt }: HeldGroup) => ({
  labels: labels.map(({ name, value }) => [name, value]),
  families: families.size,
  samples,
  pushedAt,
  failedAt,
  expiresAt: Number.isFinite(expiresAt) ? expiresAt : null,
})
