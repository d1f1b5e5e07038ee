import type { Steps } from '../../shared/base/steps.js'
import type { Group } from './group.js'
import type { GroupTable } from './group-table.js'
import { SAMPLE_SUFFIX, textsOf, utf8Of } from './series-text.js'
import type { PushedFamily, PushedType } from './types.js'

const SERIES_PER_STEP = 500
/** What collides with the samples of these types, as Pushgateway checks it. */
const SUFFIXES: Partial<Record<PushedType, readonly string[]>> = {
  summary: ['_sum', '_count'],
  histogram: ['_sum', '_count', '_bucket'],
}
const TYPE_NAMES: Readonly<Record<PushedType, string>> = {
  unknown: 'untyped',
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  summary: 'summary',
}

/** A pushed family, and whether the push group has it with the same type and series. */
export interface Candidate {
  readonly family: PushedFamily
  readonly isSame: boolean
}

/**
 * Why a push is inconsistent with itself or with other push groups, as Pushgateway 1.11 judges it;
 * undefined if it is consistent. Takes time in proportion to the pushed series.
 *
 * @param group the push group before the push, if there is one
 * @param others whether its families with other names stay
 */
export function* inconsistency(
  table: GroupTable,
  group: Group | undefined,
  candidates: readonly Candidate[],
  others: 'keep' | 'remove',
): Steps<string | undefined> {
  const pushed = new Map(candidates.map(({ family }) => [family.name, family]))
  if (pushed.size < candidates.length) return 'a metric family occurs twice'
  for (const { family, isSame } of candidates) {
    // What is the same has been consistent before, and all that came since was judged by it.
    if (isSame && !table.hasConflicts) continue
    const problem =
      typeProblem(table, group, family) ?? suffixProblem(table, group, pushed, family, others)
    if (problem !== undefined) return problem
    const repeated = yield* repeatedSeries(table, group, family)
    if (repeated !== undefined)
      return `collected metric "${family.name}" { ${utf8Of(repeated)} } was collected before with the same name and label values`
  }
  return undefined
}

function typeProblem(
  table: GroupTable,
  group: Group | undefined,
  { name, type }: PushedFamily,
): string | undefined {
  const types = table.entries.get(name)?.types(group?.members.get(name))
  const other = types?.find(held => held !== type)
  if (other === undefined) return undefined
  return `collected metric "${name}" is a ${TYPE_NAMES[type]}, but another push group has it as a ${TYPE_NAMES[other]}`
}

/** `x_sum` collides with the summary `x`, and the other way round. */
function suffixProblem(
  table: GroupTable,
  group: Group | undefined,
  pushed: ReadonlyMap<string, PushedFamily>,
  family: PushedFamily,
  others: 'keep' | 'remove',
): string | undefined {
  const { name, type } = family
  if (SUFFIXES[type] === undefined && !SAMPLE_SUFFIX.test(name)) return undefined
  const typesOf = (candidate: string): PushedType[] => {
    const own = pushed.get(candidate)
    const isReplaced = own !== undefined || others === 'remove'
    const replaced = isReplaced ? group?.members.get(candidate) : undefined
    const held = table.entries.get(candidate)?.types(replaced) ?? []
    return own ? [own.type, ...held] : held
  }
  for (const suffix of SUFFIXES[type] ?? [])
    if (typesOf(name + suffix).length > 0)
      return `collected ${type} named "${name}" collides with previously collected metric named "${name}${suffix}"`
  for (const [base, suffixes] of Object.entries(SUFFIXES) as [PushedType, readonly string[]][]) {
    const suffix = suffixes.find(candidate => name.endsWith(candidate))
    if (suffix === undefined) continue
    const stem = name.slice(0, -suffix.length)
    if (typesOf(stem).includes(base))
      return `collected metric named "${name}" collides with previously collected ${base} named "${stem}"`
  }
  return undefined
}

/** A series that occurs twice in the push, or that another push group has. */
function* repeatedSeries(
  table: GroupTable,
  group: Group | undefined,
  family: PushedFamily,
): Steps<string | undefined> {
  const seen = new Set<string>()
  for (const text of textsOf(family)) {
    if (seen.has(text) || table.owners.otherOwner(text, group)) return text
    seen.add(text)
    if (seen.size % SERIES_PER_STEP === 0) yield
  }
  return undefined
}
