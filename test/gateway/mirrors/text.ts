import { MemoryBudget } from '../../../gateway/mirrors/state/budget.js'
import { type MirrorFigures, noMirrorFigures } from '../../../gateway/mirrors/state/figures.js'
import type { Made } from '../../../gateway/mirrors/state/made.js'
import type { MirrorOptions } from '../../../gateway/mirrors/state/options.js'
import {
  type MadeSteps,
  MirrorPartition,
  type TargetMade,
} from '../../../gateway/mirrors/state/partition.js'
import { runNow } from '../../../shared/base/steps.js'
import type { WriteType } from '../../../shared/metrics/remote-write/request.js'
import { targetKey } from '../../../shared/snapshot/key.js'
import { type WrittenSeries, writeRequest } from './write-request.js'

export const OPTIONS: MirrorOptions = {
  lookbackMs: 300_000,
  assemblyMs: 10_000,
  intervalMs: 15_000,
}

/** Unix ms of a time in seconds of a test. */
export const at = (seconds: number) =>
  1_700_000_000_000 - (1_700_000_000_000 % 15_000) + seconds * 1000

/** Labels of a target as text, such as `job="a",instance="1"`. */
const TARGET = 'instance="1",job="a"'

const LABEL = /([^=,{}"]+)="([^"]*)"/g
const labelsIn = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(LABEL)].map(([, name, value]) => [name, value]))

export const keyOf = (target: string): Buffer =>
  targetKey(Object.entries(labelsIn(target)).map(([name, value]) => ({ name, value })))

/**
 * Series of a record in text: `name{label="value"} value [@seconds]` a line, and comments `# TYPE`
 * and `# HELP` with the name of a series. The value may be `stale` or `native`.
 */
export function seriesIn(text: string, time: number, target = TARGET): WrittenSeries[] {
  const types = new Map<string, WriteType>()
  const helps = new Map<string, string>()
  const list: WrittenSeries[] = []
  for (const line of text.split('\n').map(line => line.trim())) {
    const comment = /^# (TYPE|HELP) (\S+) (.*)$/.exec(line)
    if (comment?.[1] === 'TYPE') types.set(comment[2]!, comment[3] as WriteType)
    else if (comment) helps.set(comment[2]!, comment[3]!)
    const sample = /^([^#{\s][^{\s]*)(\{.*\})? (\S+)(?: @(\S+))?$/.exec(line)
    if (!sample) continue
    const [, name, labels = '', value, own] = sample as unknown as [
      string,
      string,
      string,
      string,
      string?,
    ]
    const when = own === undefined ? at(time) : at(Number(own))
    list.push({
      labels: { __name__: name, ...labelsIn(target), ...labelsIn(labels) },
      type: types.get(name) ?? 'unknown',
      help: helps.get(name) ?? '',
      ...(value === 'native'
        ? { histograms: [when] }
        : { samples: [{ time: when, value: value === 'stale' ? 'stale' : Number(value) }] }),
    })
  }
  return list
}

/** What a snapshot, a failure or an end has, in text: times in seconds. */
export function madeText({ made }: TargetMade): string {
  const header = `${made.kind} ${seconds(made.collectedAt)} every ${made.intervalMs / 1000}s`
  if (made.kind !== 'snapshot') return header
  return [`${header} by ${made.assembly}`, ...linesOf(made)].join('\n')
}

const seconds = (time: number) => (time - at(0)) / 1000

/** Lines of a snapshot in the order of its layout; a value of another time has it. */
export function linesOf(made: Extract<Made, { kind: 'snapshot' }>): string[] {
  const { families, order } = runNow(made.layout.families())
  const lines: string[] = []
  const flat = families.flatMap(family => family.series.map(series => ({ family, series })))
  order.forEach((position, i) => {
    const { family, series } = flat[position]!
    const labels = series.labels.map(({ name, value }) => `${name}="${value}"`).join(',')
    const time = made.timestamps?.[i] ?? made.collectedAt
    lines[position] = [
      `${family.name}${series.suffix}${labels ? `{${labels}}` : ''}`,
      made.values[i],
      ...(time === made.collectedAt ? [] : [`@${seconds(time)}`]),
    ].join(' ')
  })
  return lines
}

/** A partition of the log that is handed records in text. */
export class MirrorLog {
  readonly figures: MirrorFigures = noMirrorFigures()
  readonly budget: MemoryBudget
  readonly partition: MirrorPartition
  readonly dropped: Buffer[] = []
  #offset = 0

  constructor(options: Partial<MirrorOptions> = {}, limit = Number.POSITIVE_INFINITY) {
    this.budget = new MemoryBudget(() => limit)
    const context = {
      options: { ...OPTIONS, ...options },
      figures: this.figures,
      budget: this.budget,
    }
    this.partition = new MirrorPartition(context, target => this.dropped.push(target.key))
  }

  /**
   * Applies a record.
   *
   * @param time log time, seconds
   * @param scrape time of its samples, seconds; default: log time
   * @returns what is published
   */
  record(time: number, text: string, scrape = time, target = TARGET): string[] {
    return this.apply(time, seriesIn(text, scrape, target), target)
  }

  apply(time: number, series: readonly WrittenSeries[], target = TARGET): string[] {
    return collect(
      this.partition.apply({
        offset: this.#offset++,
        time: at(time),
        key: keyOf(target),
        request: writeRequest(series),
      }),
    ).map(madeText)
  }

  /** Carries log time on. */
  advance(time: number): string[] {
    return collect(this.partition.advance(at(time))).map(madeText)
  }
}

export function collect(steps: MadeSteps): TargetMade[] {
  const made: TargetMade[] = []
  for (const step of steps) if (step) made.push(step)
  return made
}
