import { spreadOf } from '../stats/spread.js'
import type { ExperimentResult, Figure, Results } from '../types.js'
import { formatFigure, formatNumber, verdictOf } from './format.js'

/**
 * Text comparison of two runs: the changed verdicts, then every figure as `old → new` with the
 * ratio of the medians. Overlapping ranges of repeated figures are marked, because such a
 * difference may be noise.
 */
export function renderComparison(old: Results, current: Results): string {
  const lines = describeDifferences(old, current)
  const oldByName = new Map(old.experiments.map(experiment => [experiment.name, experiment]))
  const verdicts = current.experiments.flatMap(experiment =>
    changedVerdicts(oldByName.get(experiment.name), experiment),
  )
  lines.push('', 'Changed verdicts', ...(verdicts.length > 0 ? verdicts : ['  none']))
  for (const experiment of current.experiments) {
    const oldExperiment = oldByName.get(experiment.name)
    lines.push('', experiment.title)
    if (oldExperiment) lines.push(...figureLines(oldExperiment, experiment))
    else lines.push('  only in the new run')
  }
  for (const { name, title } of old.experiments) {
    if (!current.experiments.some(experiment => experiment.name === name))
      lines.push('', title, '  only in the old run')
  }
  return `${lines.join('\n')}\n`
}

/** Differences in edition, seed, versions and machine, which limit the comparison. */
function describeDifferences(old: Results, current: Results): string[] {
  const lines = [`${old.startedAt} → ${current.startedAt}`]
  const add = (name: string, a: unknown, b: unknown) => {
    if (a !== b) lines.push(`  different ${name}: ${a ?? 'unknown'} → ${b ?? 'unknown'}`)
  }
  add('edition', old.edition, current.edition)
  add('seed', old.seed, current.seed)
  for (const key of new Set([...Object.keys(old.versions), ...Object.keys(current.versions)])) {
    add(key, old.versions[key], current.versions[key])
  }
  for (const key of new Set([...Object.keys(old.machine), ...Object.keys(current.machine)])) {
    add(key, old.machine[key], current.machine[key])
  }
  return lines
}

function changedVerdicts(old: ExperimentResult | undefined, current: ExperimentResult): string[] {
  const oldByClaim = new Map(old?.verdicts.map(verdict => [verdict.claim, verdict]))
  const lines = current.verdicts.flatMap(({ claim, holds, because }) => {
    const oldVerdict = oldByClaim.get(claim)
    if (!oldVerdict || oldVerdict.holds === holds) return []
    return [
      `  ${current.name}: ${claim}`,
      `    ${verdictOf(oldVerdict.holds).word}: ${oldVerdict.because}`,
      `    → ${verdictOf(holds).word}: ${because}`,
    ]
  })
  if (current.failed && old && !old.failed)
    lines.push(`  ${current.name}: failed: ${current.failed.split('\n')[0]}`)
  return lines
}

const keyOf = ({ name, variant, setting, unit }: Figure) =>
  JSON.stringify([name, variant, setting, unit])

function figureLines(old: ExperimentResult, current: ExperimentResult): string[] {
  const oldByKey = new Map(old.figures.map(figure => [keyOf(figure), figure]))
  const lines: string[] = []
  if (JSON.stringify(old.parameters) !== JSON.stringify(current.parameters))
    lines.push('  different parameters')
  for (const figure of current.figures) {
    const oldFigure = oldByKey.get(keyOf(figure))
    oldByKey.delete(keyOf(figure))
    const change = oldFigure
      ? `${formatFigure(oldFigure)} → ${formatFigure(figure)}${ratioOf(oldFigure, figure)}`
      : `only in the new run: ${formatFigure(figure)}`
    lines.push(`  ${nameOf(figure)}: ${change}`)
  }
  for (const figure of oldByKey.values())
    lines.push(`  ${nameOf(figure)}: only in the old run: ${formatFigure(figure)}`)
  return lines
}

const nameOf = ({ name, variant, setting, unit }: Figure) =>
  `${[name, setting, variant].filter(part => part !== '').join(', ')}${unit && ` [${unit}]`}`

function ratioOf(old: Figure, current: Figure): string {
  const [a, b] = [spreadOf(old.values), spreadOf(current.values)]
  if (!a || !b) return ''
  if (a.median === 0 || Math.sign(a.median) !== Math.sign(b.median)) return ''
  const overlap = a.count > 1 && b.count > 1 && a.min <= b.max && b.min <= a.max
  return `  ×${formatNumber(b.median / a.median)}${overlap ? ' (ranges overlap)' : ''}`
}
