import type { Regex } from './regex.js'

export const ACTIONS = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const
export type Action = (typeof ACTIONS)[number]

/** Which names metrics and labels may have. */
export type NameScheme = 'utf8' | 'legacy'

/** A relabelling rule. */
export interface Rule {
  readonly action: Action
  readonly sourceLabels: readonly string[]
  readonly separator: string
  readonly regex: Regex
  readonly modulus: bigint
  readonly targetLabel: string
  readonly replacement: string
  readonly names: NameScheme
}

/** Whether a text may be the name of a label. */
export function isLabelName(text: string, scheme: NameScheme): boolean {
  return scheme === 'legacy' ? /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(text) : isUtf8Name(text)
}

/** Whether a text may be the name of a metric. */
export function isMetricName(text: string, scheme: NameScheme): boolean {
  return scheme === 'legacy' ? /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(text) : isUtf8Name(text)
}

const isUtf8Name = (text: string) => text !== '' && !/\p{Surrogate}/u.test(text)
