import type { Label } from '../../shared/metrics/model.js'
import { targetKey } from '../../shared/snapshot/key.js'

/** The target that a push group becomes. */
export interface GroupTarget {
  /** Its grouping key without empty values, which are as good as no label. */
  readonly labels: readonly Label[]
  readonly key: Buffer
  /** The key as latin1 characters. */
  readonly id: string
}

/** By the list of labels, which a push group keeps as long as it exists. */
const targets = new WeakMap<readonly Label[], GroupTarget | { readonly id: undefined }>()

/** @returns undefined if the grouping key cannot identify a target, for example because of a NUL */
export function targetOf(grouping: readonly Label[]): GroupTarget | undefined {
  const known = targets.get(grouping) ?? make(grouping)
  return known.id === undefined ? undefined : known
}

function make(grouping: readonly Label[]) {
  const labels = grouping.filter(({ value }) => value !== '')
  let target: GroupTarget | { readonly id: undefined }
  try {
    const key = targetKey(labels)
    target = { labels, key, id: key.toString('latin1') }
  } catch {
    target = { id: undefined }
  }
  targets.set(grouping, target)
  return target
}
