import { quote } from '../../shared/base/quote.js'
import { isLegacyLabelName } from '../../shared/exposition/escape.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import type { Limits } from '../../shared/metrics/limits.js'
import type { Label } from '../../shared/metrics/model.js'
import { RefusedPush } from './refused-push.js'
import { unescapeName } from './unescape-name.js'

const BASE64_SUFFIX = '@base64'
const RESERVED_PREFIX = '__'

export interface GroupingRules {
  /** Whether label names may have characters outside the legacy character set. */
  readonly utf8Names: boolean
  readonly limits: Pick<Limits, 'labels' | 'nameBytes' | 'valueBytes'>
}

/**
 * The grouping key of a path, as in Pushgateway: the components after `/metrics/`, `job` or
 * `job@base64` first, decoded from percent encoding. If a label occurs twice, the last one counts;
 * the job of the first two components counts always.
 *
 * @returns labels sorted by name
 * @throws RefusedPush 400 for a path that Pushgateway refuses too, or beyond the limits
 */
export function groupingKeyOf(components: readonly string[], rules: GroupingRules): Label[] {
  const [jobName, jobText = ''] = components
  const job = jobName === 'job' ? jobText : decodeJob(jobText)
  const labels = labelsOf(components.slice(2), rules)
  if (job === '') throw refused('job name is required')
  labels.set('job', job)
  checkLimits(labels, rules.limits)
  return sortLabels([...labels].map(([name, value]) => ({ name, value })))
}

function labelsOf(components: readonly string[], { utf8Names }: GroupingRules) {
  const labels = new Map<string, string>()
  // A slash at the end of the path, without labels.
  if (components.length === 1 && components[0] === '') return labels
  if (components.length % 2 !== 0)
    throw refused(`odd number of components in label string ${quote(`/${components.join('/')}`)}`)
  for (let i = 0; i < components.length; i += 2) {
    const isBase64 = components[i].endsWith(BASE64_SUFFIX)
    const written = isBase64 ? components[i].slice(0, -BASE64_SUFFIX.length) : components[i]
    const name = utf8Names ? unescapeName(written) : written
    const isValid = utf8Names ? name !== '' : isLegacyLabelName(name)
    if (!isValid || written.startsWith(RESERVED_PREFIX) || name.startsWith(RESERVED_PREFIX))
      throw refused(`improper label name ${quote(written)}`)
    const value = components[i + 1]
    labels.set(
      name,
      isBase64
        ? decodeBase64(
            value,
            problem => `invalid base64 encoding for label ${written}=${quote(value)}: ${problem}`,
          )
        : value,
    )
  }
  return labels
}

const decodeJob = (text: string): string =>
  decodeBase64(text, problem => `invalid base64 encoding in job name ${quote(text)}: ${problem}`)

/**
 * Decodes base64 with the URL-safe alphabet, with or without padding.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4648#section-5
 */
function decodeBase64(text: string, message: (problem: string) => string): string {
  const digits = text.replace(/=+$/, '')
  if (!/^[A-Za-z0-9_-]*$/.test(digits) || digits.length % 4 === 1)
    throw refused(message('illegal base64 data; use the URL-safe alphabet'))
  const bytes = Buffer.from(digits, 'base64url')
  const decoded = bytes.toString('utf8')
  if (decoded.includes('\ufffd') && !Buffer.from(decoded).equals(bytes))
    throw refused(message('the decoded value is not UTF-8'))
  return decoded
}

function checkLimits(
  labels: ReadonlyMap<string, string>,
  { labels: maxLabels, nameBytes, valueBytes }: GroupingRules['limits'],
): void {
  if (labels.size > maxLabels)
    throw refused(
      `the grouping key has ${labels.size} labels, over the limit of ${maxLabels}; use fewer`,
    )
  for (const [name, value] of labels) {
    if (value.includes('\0'))
      throw refused(`the value of label ${quote(name)} contains a NUL; remove it`)
    if (Buffer.byteLength(name) > nameBytes)
      throw refused(`a label name has more than ${nameBytes} bytes; shorten it`)
    if (Buffer.byteLength(value) > valueBytes)
      throw refused(
        `the value of label ${quote(name)} has more than ${valueBytes} bytes; shorten it`,
      )
  }
}

const refused = (message: string) => new RefusedPush(400, 'path', message)
