import { parseJsonSteps } from '../../../shared/base/json-steps.js'
import type { Steps } from '../../../shared/base/steps.js'
import { readTargetGroupsSteps, type TargetGroup } from './target-group.js'

/** 100,000 groups with 20 labels have half as many. The memory of a value is up to 100 bytes. */
const LIMITS = { values: 5_000_000, textBytes: 1024 * 1024, keys: 10_000 }

/**
 * Reads the groups of targets of a JSON document.
 *
 * @param origin file or URL, for messages
 * @param meta labels of all groups
 * @throws Error with the first problem in one line
 */
export function* parseGroupsSteps(
  body: Buffer,
  origin: string,
  meta: Readonly<Record<string, string>>,
): Steps<TargetGroup[]> {
  const value = yield* parseJsonSteps(body, LIMITS)
  return yield* readTargetGroupsSteps(value, origin, meta)
}
