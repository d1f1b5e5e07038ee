import { sortSteps } from '../../../shared/base/sort-steps.js'
import type { Steps } from '../../../shared/base/steps.js'
import type { Exchange } from '../../../shared/http/exchange.js'
import { Refusal } from '../../../shared/http/refusal.js'
import type { Label } from '../../../shared/metrics/model.js'
import { labelText } from './metrics.js'

const MAX_PAGE = 1000
const ITEMS_PER_STEP = 500

/** Keys by which a list can be sorted. The first one is the default. */
export type SortKeys<T> = Readonly<Record<string, (item: T) => string | number>>

export interface ListQuery<T> {
  /** Words in lower case that the labels have to contain. */
  readonly search: readonly string[]
  readonly keyOf: (item: T) => string | number
  readonly descending: boolean
  readonly offset: number
  readonly limit: number
}

/**
 * Reads `search`, `sort`, `desc`, `offset` and `limit` of a request.
 *
 * @throws Refusal 400
 */
export function listQuery<T>({ query }: Exchange, keys: SortKeys<T>): ListQuery<T> {
  const text = (name: string, otherwise: string) => {
    const value = query[name]
    return (Array.isArray(value) ? value.at(-1) : value) ?? otherwise
  }
  const integer = (name: string, otherwise: number, max: number) => {
    const value = text(name, String(otherwise))
    if (/^\d{1,9}$/.test(value) && Number(value) <= max) return Number(value)
    throw new Refusal(400, `${name} is not an integer from 0 to ${max}`)
  }
  const sort = text('sort', Object.keys(keys)[0])
  if (!Object.hasOwn(keys, sort))
    throw new Refusal(400, `unknown sort; write one of ${Object.keys(keys).join(', ')}`)
  return {
    search: text('search', '').toLowerCase().split(/\s+/).filter(Boolean),
    keyOf: keys[sort],
    descending: text('desc', '0') === '1',
    offset: integer('offset', 0, 999_999_999),
    limit: integer('limit', 100, MAX_PAGE),
  }
}

export interface FoundPage<T> {
  /** Number of items that match the search. */
  readonly total: number
  readonly items: readonly T[]
}

/** The items of a list that match the search, in the wanted order, of which one page. */
export function* findPage<T extends { readonly labels: readonly Label[] }>(
  items: Iterable<T>,
  { search, keyOf, descending, offset, limit }: ListQuery<T>,
): Steps<FoundPage<T>> {
  const found: { readonly item: T; readonly key: string | number }[] = []
  let visited = 0
  for (const item of items) {
    if (++visited % ITEMS_PER_STEP === 0) yield
    if (search.length > 0) {
      const text = labelText(item.labels).toLowerCase()
      if (!search.every(word => text.includes(word))) continue
    }
    found.push({ item, key: keyOf(item) })
  }
  const sign = descending ? -1 : 1
  const sorted = yield* sortSteps(found, (a, b) => sign * compare(a.key, b.key))
  return {
    total: sorted.length,
    items: sorted.slice(offset, offset + limit).map(({ item }) => item),
  }
}

/** A text that sorts by job, then by the other labels. */
export const labelOrder = (labels: readonly Label[]): string =>
  `${labels.find(({ name }) => name === 'job')?.value ?? ''} ${labelText(labels)}`

const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0)
