import { sortSteps } from '../../../shared/base/sort-steps.js'
import { runInSlices, type Steps } from '../../../shared/base/steps.js'
import type { Exchange } from '../../../shared/http/exchange.js'
import { Refusal } from '../../../shared/http/refusal.js'
import { sortLabels } from '../../../shared/metrics/labels.js'
import type { Label } from '../../../shared/metrics/model.js'
import type { HeldGroup, PushView } from '../../state/view.js'
import type { Services } from '../services.js'
import { orUnavailable } from '../submit.js'
import { awaitTurn } from '../turn.js'
import { json, sendJson } from './answer.js'
import { familyJson, labelText } from './metrics.js'

const MAX_PAGE = 1000
const GROUPS_PER_STEP = 500

/** Keys by which the list of push groups can be sorted. */
const SORT_KEYS: Readonly<Record<string, (group: HeldGroup) => string | number>> = {
  labels: ({ labels }) => `${jobOf(labels)} ${labelText(labels)}`,
  pushed: ({ pushedAt }) => pushedAt,
  failed: ({ failedAt }) => failedAt,
  expires: ({ expiresAt }) => expiresAt,
  samples: ({ samples }) => samples,
}

interface Query {
  readonly search: readonly string[]
  readonly sort: string
  readonly descending: boolean
  readonly offset: number
  readonly limit: number
}

/** `/api/v1/groups`: a page of the list of push groups, without their samples. */
export function groups(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    const query = queryOf(exchange)
    await awaitTurn(exchange, 'page', services)
    const view = await orUnavailable(() => services.store.read())
    const found = await runInSlices(find(view, query))
    const page = found.slice(query.offset, query.offset + query.limit)
    await sendJson(exchange, () =>
      json({ time: view.time, total: found.length, groups: page.map(summaryOf) }),
    )
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

function* find(view: PushView, { search, sort, descending }: Query): Steps<HeldGroup[]> {
  const found: { readonly group: HeldGroup; readonly key: string | number }[] = []
  const keyOf = SORT_KEYS[sort]
  let visited = 0
  for (const group of view.groups()) {
    if (++visited % GROUPS_PER_STEP === 0) yield
    if (search.length > 0) {
      const text = labelText(group.labels).toLowerCase()
      if (!search.every(word => text.includes(word))) continue
    }
    found.push({ group, key: keyOf(group) })
  }
  const sign = descending ? -1 : 1
  const sorted = yield* sortSteps(found, (a, b) => sign * compare(a.key, b.key))
  return sorted.map(({ group }) => group)
}

function queryOf({ query }: Exchange): Query {
  const text = (name: string, otherwise: string) => {
    const value = query[name]
    return (Array.isArray(value) ? value.at(-1) : value) ?? otherwise
  }
  const integer = (name: string, otherwise: number, max: number) => {
    const value = text(name, String(otherwise))
    if (/^\d{1,9}$/.test(value) && Number(value) <= max) return Number(value)
    throw new Refusal(400, `${name} is not an integer from 0 to ${max}`)
  }
  const sort = text('sort', 'labels')
  if (!Object.hasOwn(SORT_KEYS, sort))
    throw new Refusal(400, `unknown sort; write one of ${Object.keys(SORT_KEYS).join(', ')}`)
  return {
    search: text('search', '').toLowerCase().split(/\s+/).filter(Boolean),
    sort,
    descending: text('desc', '0') === '1',
    offset: integer('offset', 0, 999_999_999),
    limit: integer('limit', 100, MAX_PAGE),
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

const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0)

const jobOf = (labels: readonly Label[]) => labels.find(({ name }) => name === 'job')?.value ?? ''
