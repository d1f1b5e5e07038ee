import { createHash } from 'node:crypto'
import { runNow, type Steps } from '../../base/steps.js'
import { expand } from './expand.js'
import { isLabelName, type Rule } from './rule.js'

/** Labels by name. A label with an empty value is the same as none. */
export type LabelMap = Map<string, string>

/**
 * Applies rules to labels, in place and in order.
 *
 * @returns whether what has the labels is kept
 */
export function relabel(labels: LabelMap, rules: readonly Rule[]): boolean {
  return runNow(relabelSteps(labels, rules))
}

/** As `relabel`, in steps: a rule may take microseconds for each character of a label. */
export function* relabelSteps(labels: LabelMap, rules: readonly Rule[]): Steps<boolean> {
  for (const rule of rules) if (!(yield* applyRule(labels, rule))) return false
  return true
}

function set(labels: LabelMap, name: string, value: string): void {
  if (value === '') labels.delete(name)
  else labels.set(name, value)
}

function* applyRule(labels: LabelMap, rule: Rule): Steps<boolean> {
  const { action, sourceLabels, separator, regex, targetLabel } = rule
  const value =
    sourceLabels.length === 1
      ? (labels.get(sourceLabels[0]) ?? '')
      : sourceLabels.map(name => labels.get(name) ?? '').join(separator)
  switch (action) {
    case 'drop':
      return !(yield* regex.testSteps(value))
    case 'keep':
      return yield* regex.testSteps(value)
    case 'dropequal':
      return (labels.get(targetLabel) ?? '') !== value
    case 'keepequal':
      return (labels.get(targetLabel) ?? '') === value
    case 'replace':
      yield* replace(labels, rule, value)
      return true
    case 'lowercase':
      set(labels, targetLabel, lowerCase(value))
      return true
    case 'uppercase':
      set(labels, targetLabel, upperCase(value))
      return true
    case 'hashmod':
      set(labels, targetLabel, hashModulo(value, rule.modulus))
      return true
    case 'labelmap':
      for (const [name, mapped] of [...labels]) {
        const groups = yield* regex.matchSteps(name)
        if (groups) set(labels, expand(rule.replacement, groups, regex.groupNames), mapped)
      }
      return true
    case 'labeldrop':
      for (const name of [...labels.keys()]) if (yield* regex.testSteps(name)) labels.delete(name)
      return true
    case 'labelkeep':
      for (const name of [...labels.keys()])
        if (!(yield* regex.testSteps(name))) labels.delete(name)
      return true
  }
}

function* replace(labels: LabelMap, rule: Rule, value: string): Steps<void> {
  const { regex } = rule
  const groups = yield* regex.matchSteps(value)
  if (!groups) return
  const target = expand(rule.targetLabel, groups, regex.groupNames)
  if (isLabelName(target, rule.names))
    set(labels, target, expand(rule.replacement, groups, regex.groupNames))
}

/** As Prometheus: the last 8 bytes of an MD5 hash. */
function hashModulo(value: string, modulus: bigint): string {
  const hash = createHash('md5').update(value).digest()
  return String(hash.readBigUInt64BE(8) % modulus)
}

/** Character by character, as Go does: a character never becomes two. */
const mapCharacters = (text: string, map: (character: string) => string) => {
  let mapped = ''
  for (const character of text) {
    const other = map(character)
    mapped += other.length === character.length ? other : character
  }
  return mapped
}
const lowerCase = (text: string) =>
  mapCharacters(text, character => (character === 'İ' ? 'i' : character.toLowerCase()))
const upperCase = (text: string) => mapCharacters(text, character => character.toUpperCase())
