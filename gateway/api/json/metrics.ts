import type { Exchange } from '../../../shared/http/exchange.js'
import { goFloat } from '../../../shared/metrics/go-float.js'
import type { Label } from '../../../shared/metrics/model.js'
import {
  PUSH_FAILURE_TIME,
  PUSH_FAILURE_TIME_HELP,
  PUSH_TIME,
  PUSH_TIME_HELP,
} from '../../state/group.js'
import type { HeldFamily, HeldGroup, PushView } from '../../state/view.js'
import type { Services } from '../services.js'
import { orUnavailable } from '../submit.js'
import { awaitTurn } from '../turn.js'
import { sendJson } from './answer.js'
import { metricsOf } from './held-metrics.js'

/** `/api/v1/metrics`: all push groups in the format of Pushgateway's API. */
export function apiMetrics(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    await awaitTurn(exchange, 'page', services)
    const view = await orUnavailable(() => services.store.read())
    await sendJson(exchange, () => groupsOf(view))
  }
}

function* groupsOf(view: PushView): Generator<string, void> {
  let before = '['
  for (const group of view.groups()) {
    yield before
    yield* groupJson(group)
    before = ','
  }
  yield before === '[' ? '[]' : ']'
}

function* groupJson(group: HeldGroup): Generator<string, void> {
  const { labels, pushedAt, failedAt, families } = group
  const own = Object.fromEntries(labels.map(({ name, value }) => [name, value]))
  yield `{"labels":${JSON.stringify(own)},"last_push_successful":${pushedAt >= failedAt}`
  yield pushTime(PUSH_TIME, PUSH_TIME_HELP, group, pushedAt)
  yield pushTime(PUSH_FAILURE_TIME, PUSH_FAILURE_TIME_HELP, group, failedAt)
  for (const family of families.values()) {
    yield `,${JSON.stringify(family.name)}:`
    yield* familyJson(family)
  }
  yield '}'
}

export function* familyJson(family: HeldFamily): Generator<string, void> {
  const { type, help, pushedAt } = family
  const head = {
    time_stamp: new Date(pushedAt).toISOString(),
    type: type === 'unknown' ? 'UNTYPED' : type.toUpperCase(),
    ...(help === '' ? {} : { help }),
  }
  yield `${JSON.stringify(head).slice(0, -1)},"metrics":[`
  const steps = metricsOf(family)
  let step = steps.next()
  while (!step.done) {
    yield ''
    step = steps.next()
  }
  let separator = ''
  for (const metric of step.value) {
    yield separator + JSON.stringify(metric)
    separator = ','
  }
  yield ']}'
}

function pushTime(
  name: string,
  help: string,
  { labels, pushedAt, failedAt }: HeldGroup,
  ms: number,
): string {
  const all: Record<string, string> = { instance: '' }
  for (const label of labels) all[label.name] = label.value
  const family = {
    time_stamp: new Date(Math.max(pushedAt, failedAt)).toISOString(),
    type: 'GAUGE',
    help,
    metrics: [{ labels: all, value: goFloat(ms / 1000) }],
  }
  return `,"${name}":${JSON.stringify(family)}`
}

export const labelText = (labels: readonly Label[]): string =>
  labels.map(({ name, value }) => `${name}=${value}`).join(' ')
