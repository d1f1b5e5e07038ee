import { spreadOf } from '../stats/spread.js'
import type { ExperimentResult, Figure, Results } from '../types.js'
import { formatFigure, formatNumber, verdictOf } from './format.js'

/**
 * What differs between two runs: first the verdicts that changed, then every figure, old → new with the ratio of the medians. Where both were
 * repeated and their ranges overlap, that is said: such a difference may be chance.
 */
export function renderComparison(old: Results, now: Results): string {
  const lines = [...unlike(old, now)]
  const before = new Map(old.experiments.map(one => [one.name, one]))
  const verdicts = now.experiments.flatMap(one => changedVerdicts(before.get(one.name), one))
  lines.push('', 'Verdicts that changed', ...(verdicts.length > 0 ? verdicts : ['  none']))
  for (const experiment of now.experiments) {
    const was = before.get(experiment.name)
    lines.push('', experiment.title)
    if (was) lines.push(...figureLines(was, experiment))
    else lines.push('  was not run before')
  }
  for (const { name, title } of old.experiments) {
    if (!now.experiments.some(one => one.name === name)) lines.push('', title, '  was not run this time')
  }
  return `${lines.join('\n')}\n`
}

/** What makes two runs hard to compare. */
function unlike(old: Results, now: Results): string[] {
  const lines = [`${old.startedAt} → ${now.startedAt}`]
  const say = (what: string, a: unknown, b: unknown) => {
    if (a !== b) lines.push(`  other ${what}: ${a ?? 'unknown'} → ${b ?? 'unknown'}`)
  }
  say('edition', old.edition, now.edition)
  say('seed', old.seed, now.seed)
  for (const key of new Set([...Object.keys(old.versions), ...Object.keys(now.versions)])) {
    say(key, old.versions[key], now.versions[key])
  }
  for (const key of new Set([...Object.keys(old.machine), ...Object.keys(now.machine)])) {
    say(key, old.machine[key], now.machine[key])
  }
  return lines
}

function changedVerdicts(was: ExperimentResult | undefined, now: ExperimentResult): string[] {
  const before = new Map(was?.verdicts.map(verdict => [verdict.claim, verdict]))
  const said = now.verdicts.flatMap(({ claim, holds, because }) => {
    const old = before.get(claim)
    if (!old || old.holds === holds) return []
    return [
      `  ${now.name}: ${claim}`,
      `    ${verdictOf(old.holds).word}: ${old.because}`,
      `    → ${verdictOf(holds).word}: ${because}`,
    ]
  })
  if (now.failed && was && !was.failed)
    said.push(`  ${now.name}: ended without a result: ${now.failed.split('\n')[0]}`)
  return said
}

const keyOf = ({ name, variant, setting, unit }: Figure) => JSON.stringify([name, variant, setting, unit])

function figureLines(was: ExperimentResult, now: ExperimentResult): string[] {
  const before = new Map(was.figures.map(figure => [keyOf(figure), figure]))
  const lines: string[] = []
  if (JSON.stringify(was.parameters) !== JSON.stringify(now.parameters)) lines.push('  other parameters')
  for (const figure of now.figures) {
    const old = before.get(keyOf(figure))
    before.delete(keyOf(figure))
    const change = old ? `${formatFigure(old)} → ${formatFigure(figure)}` : `new: ${formatFigure(figure)}`
    lines.push(`  ${nameOf(figure)}: ${change}${old ? ratioOf(old, figure) : ''}`)
  }
  for (const figure of before.values()) lines.push(`  ${nameOf(figure)}: gone, was ${formatFigure(figure)}`)
  return lines
}

const nameOf = ({ name, variant, setting, unit }: Figure) =>
  `${[name, setting, variant].filter(part => part !== '').join(', ')}${unit && ` [${unit}]`}`

function ratioOf(old: Figure, now: Figure): string {
  const [a, b] = [spreadOf(old.values), spreadOf(now.values)]
  if (!a || !b) return ''
  if (a.median === 0 || Math.sign(a.median) !== Math.sign(b.median)) return ''
  const chance = a.count > 1 && b.count > 1 && a.min <= b.max && b.min <= a.max
  return `  ×${formatNumber(b.median / a.median)}${chance ? ' (ranges overlap)' : ''}`
}
