import { z } from 'zod'
import { describeIssue } from '../config/problem.js'

/** Targets with common labels, as discovery finds them. */
export interface TargetGroup {
  /** Addresses. */
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** Where it was found, for messages. */
  readonly source: string
}

/** A group in a file or in the response of an HTTP endpoint. */
export const targetGroupFields = z.strictObject({
  targets: z.array(z.string()).default([]),
  labels: z.record(z.string().min(1, 'a label has no name'), z.string()).default({}),
})

export type FoundGroup = z.output<typeof targetGroupFields>

/** Targets that a discovery may find. More are an error: their number is the agent's memory. */
const MAX_TARGETS = 100_000
/** Groups need not have targets. */
const MAX_GROUPS = MAX_TARGETS
/**
 * Length of the labels of all targets, with those of its group at each target: what is kept of a
 * target has a copy of them.
 */
const MAX_LABELS_LENGTH = 128 * 1024 * 1024

/**
 * Checks the groups that a discovery has found. Stops at the first problem: a list of millions of
 * problems would not fit into the memory.
 *
 * @throws Error with the first problem in one line
 */
export function readTargetGroups(value: unknown): FoundGroup[] {
  if (!Array.isArray(value)) throw new Error('must be a list of groups of targets')
  if (value.length > MAX_GROUPS) throw new Error(`more than ${MAX_GROUPS} groups`)
  const found = value.map((group, i) => {
    // The elements of a longer list are not looked at one by one.
    if (group?.targets?.length > MAX_TARGETS) throw tooManyTargets()
    const result = targetGroupFields.safeParse(group)
    if (result.success) return result.data
    const [{ path, ...issue }] = result.error.issues
    throw new Error(describeIssue({ ...issue, path: [i, ...path] } as z.core.$ZodIssue)[0])
  })
  checkSize(found)
  return found
}

/**
 * Checks the size of all groups of a discovery together.
 *
 * @throws Error with the reason in one line
 */
export function checkSize(groups: readonly Pick<TargetGroup, 'targets' | 'labels'>[]): void {
  let count = 0
  let length = 0
  for (const { targets, labels } of groups) {
    let own = 0
    for (const name in labels) own += name.length + labels[name].length
    count += targets.length
    length += targets.length * own
    for (const address of targets) length += address.length
  }
  if (count > MAX_TARGETS) throw tooManyTargets()
  if (length > MAX_LABELS_LENGTH)
    throw new Error(`the labels of all targets are longer than ${MAX_LABELS_LENGTH / 2 ** 20} MiB`)
}

const tooManyTargets = () => new Error(`more than ${MAX_TARGETS} targets`)
