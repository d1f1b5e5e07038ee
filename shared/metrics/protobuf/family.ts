import { quote } from '../../base/quote.js'
import type { Steps } from '../../base/steps.js'
import type { Limits } from '../limits.js'
import type { MetricType } from '../model.js'
import { COUNTER, GAUGE, HISTOGRAM, SUMMARY, UNTYPED } from './draft.js'
import { keyOf, LENGTH, VARINT, type WireReader } from './wire.js'

/**
 * A metric type: its name in the model, and the field of Metric that holds its values. Listed in
 * the order of the enum.
 */
interface Kind {
  readonly type: MetricType
  readonly field: number
}

const KINDS: readonly Kind[] = [
  { type: 'counter', field: COUNTER },
  { type: 'gauge', field: GAUGE },
  { type: 'summary', field: SUMMARY },
  { type: 'unknown', field: UNTYPED },
  { type: 'histogram', field: HISTOGRAM },
  { type: 'gaugehistogram', field: HISTOGRAM },
]

/** A metric family without its metrics. */
export interface FamilyHead {
  readonly name: string
  readonly help: string
  readonly unit: string
  readonly kind: Kind
}

/** A metric family whose metrics are located, but not yet read. */
export interface FamilyDraft extends FamilyHead {
  /** Start and end offset of each metric message, alternating. */
  readonly metrics: number[]
}

const NAME = keyOf(1, LENGTH)
const HELP = keyOf(2, LENGTH)
const TYPE = keyOf(3, VARINT)
const METRIC = keyOf(4, LENGTH)
const UNIT = keyOf(5, LENGTH)
const FAMILY_FIELDS = 0b111110

/** Fields or families between two steps. */
const ITEMS_PER_STEP = 1000

/**
 * Locates the families of a body: length-delimited messages of MetricFamily. Families with the same
 * name are merged.
 */
export function* findFamilies(
  wire: WireReader,
  limits: Limits,
): Steps<ReadonlyMap<string, FamilyDraft>> {
  const drafts = new Map<string, FamilyDraft>()
  const size = wire.bytes.length
  let metrics = 0
  for (let messages = 1; wire.at < size; messages++) {
    if (messages % ITEMS_PER_STEP === 0) yield
    const start = wire.at
    const family = yield* findFamily(
      wire,
      wire.length(size),
      start,
      limits,
      limits.samples - metrics,
    )
    metrics += family.metrics.length / 2
    const known = drafts.get(family.name)
    if (!known) {
      if (drafts.size === limits.samples)
        wire.refuse('limit', `more than ${limits.samples} metric families; expose fewer`, start)
      drafts.set(family.name, family)
    } else if (known.kind !== family.kind)
      wire.refuse(
        'duplicate',
        `metric family ${quote(family.name)} is a ${family.kind.type} and was a ${known.kind.type} before; give it one type`,
        start,
      )
    else for (const at of family.metrics) known.metrics.push(at)
  }
  return drafts
}

/**
 * @param start offset of the message's length
 * @param maxMetrics maximum number of metrics
 */
function* findFamily(
  wire: WireReader,
  end: number,
  start: number,
  limits: Limits,
  maxMetrics: number,
): Steps<FamilyDraft> {
  let name = ''
  let help = ''
  let unit = ''
  let type = 0
  const metrics: number[] = []
  let fields = 0
  for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
    if (key === METRIC) {
      const to = wire.length(end)
      if (metrics.push(wire.at, to) > maxMetrics * 2)
        wire.refuse('limit', `more than ${limits.samples} metrics; expose fewer`)
      wire.at = to
    } else if (key === NAME)
      name = wire.string(end, limits.nameBytes, 'the name of a metric family')
    else if (key === HELP) help = wire.string(end, limits.valueBytes, 'the help text')
    else if (key === UNIT) unit = wire.string(end, limits.nameBytes, 'the unit')
    else if (key === TYPE) type = wire.uint64(end)
    else wire.skip(key, end, FAMILY_FIELDS)
    if (++fields % ITEMS_PER_STEP === 0) yield
  }
  if (name === '') wire.refuse('name', 'a metric family has no name; give it one', start)
  const kind = KINDS[type]
  if (!kind)
    wire.refuse(
      'metadata',
      `metric family ${quote(name)} has type ${type}, which does not exist`,
      start,
    )
  if (unit !== '' && !isUnitOf(unit, name, kind))
    wire.refuse(
      'metadata',
      `the unit ${quote(unit)} is not the end of the name ${quote(name)}; rename the family or remove the unit`,
      start,
    )
  return { name, help, unit, kind, metrics }
}

/** Checks a unit as Prometheus does: the name must end in it, for a counter before `_total`. */
function isUnitOf(unit: string, name: string, { type }: Kind): boolean {
  const bare =
    type === 'counter' && name.endsWith('_total') ? name.slice(0, -'_total'.length) : name
  return bare.endsWith(`_${unit}`)
}
