import { z } from 'zod'
import { Regex } from './regex.js'
import { ACTIONS, type Action, isLabelName, type NameScheme, type Rule } from './rule.js'
import { RegexError } from './syntax.js'

const DEFAULT_SEPARATOR = ';'
const DEFAULT_REGEX = '(.*)'
const DEFAULT_REPLACEMENT = '$1'

const relabelConfig = z.strictObject({
  action: z
    .string()
    .transform(text => text.toLowerCase())
    .pipe(
      z.enum(ACTIONS, {
        error: issue =>
          `unknown relabel action ${JSON.stringify(issue.input)}; the actions are ${ACTIONS.join(', ')}`,
      }),
    )
    .default('replace'),
  source_labels: z.array(z.string()).optional(),
  separator: z.string().default(DEFAULT_SEPARATOR),
  regex: z.string().default(DEFAULT_REGEX),
  modulus: z.int().min(0).default(0),
  target_label: z.string().default(''),
  replacement: z.string().default(DEFAULT_REPLACEMENT),
})
export const relabelConfigs = z.array(relabelConfig)
type RelabelFields = z.infer<typeof relabelConfig>

const WITH_TARGET: readonly Action[] = [
  'replace',
  'hashmod',
  'lowercase',
  'uppercase',
  'keepequal',
  'dropequal',
]
/** A name of a label, with variables of a replacement. */
const LEGACY_TEMPLATE = /^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$/

/**
 * The rules of a list, in order.
 *
 * @param report called with each problem, and the index of the rule and the key that have it
 */
export function rulesOf(
  configs: readonly RelabelFields[],
  names: NameScheme,
  report: (index: number, key: string, problem: string) => void,
): Rule[] {
  return configs.flatMap((config, i) => {
    const result = ruleOf(config, names)
    if ('rule' in result) return [result.rule]
    for (const [key, problem] of result.problems) report(i, key, problem)
    return []
  })
}

/**
 * The rule, or its problems by key.
 *
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
 */
function ruleOf(
  fields: RelabelFields,
  names: NameScheme,
): { rule: Rule } | { problems: (readonly [key: string, problem: string])[] } {
  const problems = [...problemsOf(fields, names)]
  let regex: Regex | undefined
  try {
    regex = new Regex(fields.regex)
  } catch (error) {
    if (!(error instanceof RegexError)) throw error
    problems.push(['regex', `error parsing regexp: ${error.message}`])
  }
  if (problems.length > 0 || !regex) return { problems }
  return {
    rule: {
      action: fields.action,
      sourceLabels: fields.source_labels ?? [],
      separator: fields.separator,
      regex,
      modulus: BigInt(fields.modulus),
      targetLabel: fields.target_label,
      replacement: fields.replacement,
      names,
    },
  }
}

function* problemsOf(
  fields: RelabelFields,
  names: NameScheme,
): Generator<readonly [string, string]> {
  const { action, target_label: target, replacement } = fields
  if (action === 'hashmod' && fields.modulus === 0)
    yield ['modulus', 'relabel configuration for hashmod requires non-zero modulus']
  if (WITH_TARGET.includes(action) && target === '') {
    yield [
      'target_label',
      `relabel configuration for ${action} action requires 'target_label' value`,
    ]
  } else if (WITH_TARGET.includes(action)) {
    const isValid =
      action === 'replace' && target.includes('$')
        ? isTemplate(target, names)
        : isLabelName(target, names)
    if (!isValid)
      yield [
        'target_label',
        `${JSON.stringify(target)} is invalid 'target_label' for ${action} action`,
      ]
  }
  if (action === 'labelmap' && !isTemplate(replacement, names))
    yield [
      'replacement',
      `${JSON.stringify(replacement)} is invalid 'replacement' for labelmap action`,
    ]
  const isChanged = {
    regex: fields.regex !== DEFAULT_REGEX,
    modulus: fields.modulus !== 0,
    separator: fields.separator !== DEFAULT_SEPARATOR,
    replacement: replacement !== DEFAULT_REPLACEMENT,
    source_labels: fields.source_labels !== undefined,
    target_label: target !== '',
  }
  if ((action === 'lowercase' || action === 'uppercase') && isChanged.replacement)
    yield ['replacement', `'replacement' can not be set for ${action} action`]
  const { regex, modulus, separator, replacement: replaced } = isChanged
  if (
    (action === 'keepequal' || action === 'dropequal') &&
    (regex || modulus || separator || replaced)
  )
    yield [
      'action',
      `${action} action requires only 'source_labels' and 'target_label', and no other fields`,
    ]
  if (
    (action === 'labeldrop' || action === 'labelkeep') &&
    (isChanged.source_labels || isChanged.target_label || modulus || separator || replaced)
  )
    yield ['action', `${action} action requires only 'regex', and no other fields`]
}

const isTemplate = (text: string, names: NameScheme) =>
  names === 'legacy' ? LEGACY_TEMPLATE.test(text) : isLabelName(text, names)
