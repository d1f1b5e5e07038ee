import { labelText, latin1 } from '../../shared/exposition/layout-text.js'
import { compareUtf8 } from '../../shared/metrics/labels.js'
import type { Label } from '../../shared/metrics/model.js'
import { numberText } from '../../shared/metrics/number-text.js'
import type { Block } from './block.js'
import type { FamilyEntry } from './family-entry.js'
import type { HeldGroup } from './view.js'

/** A block at its place among the blocks of its name. */
export interface Member {
  readonly entry: FamilyEntry
  readonly group: Group
  block: Block
  /** Index in the entry. */
  slot: number
}

/** Names of the two time series of each push group, which a push cannot set. */
export const PUSH_TIME = 'push_time_seconds'
export const PUSH_FAILURE_TIME = 'push_failure_time_seconds'
/** Their help texts, which are those of Pushgateway. */
export const PUSH_TIME_HELP =
  'Last Unix time when changing this group in the Pushgateway succeeded.'
export const PUSH_FAILURE_TIME_HELP =
  'Last Unix time when changing this group in the Pushgateway failed.'

export const isPushTime = (name: string) => name === PUSH_TIME || name === PUSH_FAILURE_TIME

export interface GroupTimes {
  readonly pushed: string
  readonly failed: string
}

/** A push group. */
export class Group {
  readonly members = new Map<string, Member>()
  samples = 0
  pushedAt = 0
  failedAt = 0
  expiresAt = Number.POSITIVE_INFINITY
  /** Time for which it is in the expiry queue; Infinity: it is not. */
  queuedAt = Number.POSITIVE_INFINITY
  readonly labelText: string
  /** See `twinKeyOf`; set for a push group with an explicit empty instance only. */
  readonly twinKey: string | undefined
  #view: HeldGroup | undefined
  #times: GroupTimes | undefined

  /** @param id reference of the series index */
  constructor(
    readonly id: number,
    readonly key: string,
    readonly labels: readonly Label[],
  ) {
    this.labelText = labelTextOf(labels)
    const isEmpty = labels.some(({ name, value }) => name === 'instance' && value === '')
    this.twinKey = isEmpty ? twinKeyOf(labels) : undefined
  }

  /** Call it after each change. */
  changed(): void {
    this.#view = undefined
    this.#times = undefined
  }

  /** The lines of its two push times. */
  times(): GroupTimes {
    this.#times ??= {
      pushed: `${PUSH_TIME}${this.labelText} ${numberText(this.pushedAt / 1000)}\n`,
      failed: `${PUSH_FAILURE_TIME}${this.labelText} ${numberText(this.failedAt / 1000)}\n`,
    }
    return this.#times
  }

  view(): HeldGroup {
    this.#view ??= {
      labels: this.labels,
      labelText: this.labelText,
      families: new Map([...this.members].map(([name, { block }]) => [name, block])),
      samples: this.samples,
      pushedAt: this.pushedAt,
      failedAt: this.failedAt,
      expiresAt: this.expiresAt,
    }
    return this.#view
  }
}

/**
 * The key of the push group whose push times have the same labels, because an empty instance is
 * exposed in any case; undefined if the instance is not empty.
 */
export function twinKeyOf(labels: readonly Label[]): string | undefined {
  const instance = labels.find(({ name }) => name === 'instance')
  if (instance === undefined) return keyOf(withInstance(labels))
  return instance.value === '' ? keyOf(labels.filter(label => label !== instance)) : undefined
}

function withInstance(labels: readonly Label[]): readonly Label[] {
  if (labels.some(({ name }) => name === 'instance')) return labels
  return [...labels, { name: 'instance', value: '' }].sort((a, b) => compareUtf8(a.name, b.name))
}

/** Identifies a grouping key, which is sorted by name. */
export function keyOf(labels: readonly Label[]): string {
  let key = ''
  for (const { name, value } of labels) key += `${name.length},${value.length},${name}${value}`
  return key
}

/** The labels of the push times of a push group: its grouping key, and an instance in any case. */
export function labelTextOf(labels: readonly Label[]): string {
  const texts = withInstance(labels).map(label => labelText(label, 'allow-utf-8'))
  return latin1(`{${texts.join(',')}}`)
}
