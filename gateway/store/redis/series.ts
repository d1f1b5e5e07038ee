import { PUSHED_TYPES, type PushedFamily, type PushedType } from '../../state/types.js'

/** An ingested series as it is read. */
export interface IngestedSeries {
  /** Text before the value. Latin1 characters that are UTF-8 bytes. */
  readonly text: string
  readonly value: number
  readonly family: string
  readonly type: PushedType
  readonly help: string
  /** Unix ms. */
  readonly pushedAt: number
  /** Unix ms; Infinity if it does not expire. */
  readonly expiresAt: number
}

/**
 * The series of a family as arguments of the script: text and content of each. The content is
 * `<type> <value> ["<family>","<help>"]`; the script puts the times before it.
 */
export function seriesArguments(family: PushedFamily): Buffer[] {
  const type = PUSHED_TYPES.indexOf(family.type)
  const about = JSON.stringify([family.name, family.help])
  const texts = family.series.split('\n')
  const args: Buffer[] = []
  for (const [i, value] of family.values.entries()) {
    const number = Object.is(value, -0) ? '-0' : `${value}`
    args.push(Buffer.from(texts[i], 'latin1'), Buffer.from(`${type} ${number} ${about}`))
  }
  return args
}

/** @returns undefined if it is not what a gateway has written */
export function parseSeries(name: Buffer, content: Buffer): IngestedSeries | undefined {
  const match = /^(\d+) (\d+) (\d) (\S+) (\[.*\])$/s.exec(content.toString())
  if (!match) return undefined
  try {
    const [family, help] = JSON.parse(match[5]) as [string, string]
    return {
      text: name.toString('latin1'),
      value: Number(match[4]),
      family,
      type: PUSHED_TYPES[Number(match[3])] ?? 'unknown',
      help,
      pushedAt: Number(match[1]),
      expiresAt: Number(match[2]) || Number.POSITIVE_INFINITY,
    }
  } catch {
    return undefined
  }
}
