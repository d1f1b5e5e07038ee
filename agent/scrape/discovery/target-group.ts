import { z } from 'zod'
import type { Steps } from '../../../shared/base/steps.js'
import { describeIssue } from '../config/problem.js'

/** Targets with common labels, as discovery finds them. */
export interface TargetGroup {
  /** Addresses. */
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** Where it was found, for messages. */
  readonly source: string
}

const labelName = z.string().min(1, 'a label has no name')
const labelValue = z
  .string()
  .nullable()
  .transform(value => value ?? '')

/** A group in a file or in the response of an HTTP endpoint. `null` is as if missing, as in Go. */
export const targetGroupFields = z.strictObject({
  targets: z
    .array(z.string())
    .nullish()
    .transform(targets => targets ?? []),
  labels: z
    .record(labelName, labelValue)
    .nullish()
    .transform(labels => labels ?? {}),
})

type FoundGroup = z.output<typeof targetGroupFields>

/** Targets that a discovery may find. More are an error: their number is the agent's memory. */
const MAX_TARGETS = 100_000
/** Groups need not have targets. */
const MAX_GROUPS = MAX_TARGETS
/**
 * Length of the labels of all targets, with those of its group at each target: what is kept of a
 * target has a copy of them.
 */
const MAX_LABELS_LENGTH = 128 * 1024 * 1024

/** What is read in a step: texts of targets and labels. */
const TEXTS_PER_STEP = 2000

/**
 * Checks the groups that a discovery has found. `null` instead of a list has none, as in Prometheus.
 * Stops at the first problem: a list of millions of problems would not fit into the memory.
 *
 * @param origin file or URL, for messages
 * @param meta labels of all groups
 * @throws Error with the first problem in one line
 */
export function* readTargetGroupsSteps(
  value: unknown,
  origin: string,
  meta: Readonly<Record<string, string>>,
): Steps<TargetGroup[]> {
  if (value === null) return []
  if (!Array.isArray(value)) throw new Error('must be a list of groups of targets')
  if (value.length > MAX_GROUPS) throw new Error(`more than ${MAX_GROUPS} groups`)
  const found: TargetGroup[] = []
  let texts = 0
  for (const [i, group] of value.entries()) {
    texts += textsOf(group)
    const { targets, labels } = yield* readGroupSteps(group, i)
    found.push({ targets, labels: { ...labels, ...meta }, source: `${origin}:${i}` })
    if (texts < TEXTS_PER_STEP) continue
    texts = 0
    yield
  }
  yield* checkSizeSteps(found)
  return found
}

/** Long lists are checked in parts, so that none takes long. */
function* readGroupSteps(group: unknown, index: number): Steps<FoundGroup> {
  const { targets, labels } = (group ?? {}) as { targets?: unknown; labels?: unknown }
  if (!Array.isArray(targets) || targets.length <= TEXTS_PER_STEP) return parsed(group, index)
  // The elements of a longer list are not looked at one by one.
  if (targets.length > MAX_TARGETS) throw tooManyTargets()
  const { labels: own } = parsed({ ...(group as object), targets: [] }, index)
  for (let from = 0; from < targets.length; from += TEXTS_PER_STEP) {
    yield
    for (const [i, target] of targets.slice(from, from + TEXTS_PER_STEP).entries())
      if (typeof target !== 'string') parsed({ labels, targets: [target] }, index, from + i)
  }
  return { targets: targets as string[], labels: own }
}

/** @param shift index of the first target in the whole list, for messages */
function parsed(group: unknown, index: number, shift = 0): FoundGroup {
  const result = targetGroupFields.safeParse(group)
  if (result.success) return result.data
  const [{ path, ...issue }] = result.error.issues
  const shifted = path.map((key, depth) => (depth === 1 && key === 0 ? shift : key))
  throw new Error(describeIssue({ ...issue, path: [index, ...shifted] } as z.core.$ZodIssue)[0])
}

/** Reading a group costs as much as reading some addresses. */
const textsOf = (group: unknown): number => {
  const { targets, labels } = (group ?? {}) as { targets?: unknown; labels?: unknown }
  return 20 + (Array.isArray(targets) ? targets.length : 0) + 4 * Object.keys(labels ?? {}).length
}

/**
 * Checks the size of all groups of a discovery together.
 *
 * @throws Error with the reason in one line
 */
export function* checkSizeSteps(
  groups: readonly Pick<TargetGroup, 'targets' | 'labels'>[],
): Steps<void> {
  let count = 0
  let length = 0
  let texts = 0
  for (const { targets, labels } of groups) {
    let own = 0
    for (const name in labels) {
      own += name.length + labels[name].length
      texts++
    }
    count += targets.length
    length += targets.length * own
    for (const address of targets) length += address.length
    texts += targets.length
    if (texts < 10 * TEXTS_PER_STEP) continue
    texts = 0
    yield
  }
  if (count > MAX_TARGETS) throw tooManyTargets()
  if (length > MAX_LABELS_LENGTH)
    throw new Error(`the labels of all targets are longer than ${MAX_LABELS_LENGTH / 2 ** 20} MiB`)
}

const tooManyTargets = () => new Error(`more than ${MAX_TARGETS} targets`)
