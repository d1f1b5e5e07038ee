import type { Exemplar, Exposition } from '../../shared/metrics/model.js'
import { TextReader } from '../../shared/metrics/text/reader.js'

/** One line of an exposition. */
export interface ParsedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Unix milliseconds. */
  readonly timestamp?: number
  readonly exemplar?: Exemplar
}

export interface ParsedFamily {
  readonly name: string
  type: string
  help: string
  readonly samples: ParsedSample[]
}

/** Thrown for an exposition that violates a rule. The message has the line and the rule. */
class ExpositionError extends Error {
  override readonly name = 'ExpositionError'
}

const END = '# EOF\n'
const METADATA = /^# (HELP|TYPE|UNIT) ("(?:[^"\\]|\\.)*"|\S+) /
const CANONICAL = / (NaN|[+-]Inf)( |$)/
const SUFFIXES = ['', '_total', '_bucket', '_sum', '_count']

/**
 * Parses our own expositions in text 0.0.4, text 1.0.0 and OpenMetrics. It is stricter than
 * `TextReader`: each line has the syntax of OpenMetrics, a family is contiguous and its metadata
 * precede its samples, and no series occurs twice with the same timestamp.
 */
export function parseExposition(text: string): ParsedFamily[] {
  if (text !== '' && !text.endsWith('\n'))
    throw new ExpositionError('the last line has no line feed')
  const openMetrics = text.includes(`\n${END}`) || text.startsWith(END)
  return new StrictJudge(openMetrics).judge(text.split('\n').slice(0, -1))
}

class StrictJudge {
  readonly #families = new Map<string, ParsedFamily>()
  readonly #seen = new Set<string>()
  readonly #reader = new TextReader('scrape')
  #current: ParsedFamily | undefined

  constructor(private readonly openMetrics: boolean) {}

  judge(lines: readonly string[]): ParsedFamily[] {
    for (const [index, line] of lines.entries()) {
      try {
        if (`${line}\n` === END) {
          if (index !== lines.length - 1) throw new Error('lines after # EOF')
        } else if (line.startsWith('#')) this.#readMetadata(line)
        else if (line !== '') this.#readSample(line)
      } catch (error) {
        throw new ExpositionError(
          `line ${index + 1}: ${(error as Error).message}: ${line.slice(0, 200)}`,
        )
      }
    }
    return [...this.#families.values()]
  }

  #readMetadata(line: string): void {
    const kind = METADATA.exec(line)?.[1]
    if (kind === undefined) throw new Error('not a HELP, TYPE or UNIT line')
    const [{ name, type, help }] = this.#read(line).families
    let family = this.#families.get(name)
    if (!family) {
      family = { name, type: '', help: '', samples: [] }
      this.#families.set(name, family)
    } else if (family !== this.#current) throw new Error('a family in two groups')
    this.#current = family
    if (kind === 'HELP') family.help = help
    if (kind !== 'TYPE') return
    if (family.type !== '') throw new Error('a second TYPE')
    if (family.samples.length > 0) throw new Error('TYPE after samples')
    if (!['counter', 'gauge', 'histogram', 'summary', 'unknown'].includes(type))
      throw new Error('no such type')
    family.type = type
  }

  #readSample(line: string): void {
    const sample = this.#sampleOf(line)
    const current = this.#current
    if (!current) throw new Error('a sample before any family')
    if (!SUFFIXES.some(suffix => sample.name === current.name + suffix))
      throw new Error(`a sample that is not of family ${current.name}`)
    const identity = JSON.stringify([
      sample.name,
      Object.entries(sample.labels).sort(),
      sample.timestamp,
    ])
    if (this.#seen.has(identity)) throw new Error('a series twice')
    this.#seen.add(identity)
    current.samples.push(sample)
  }

  #sampleOf(line: string): ParsedSample {
    const { families, values, timestamps, exemplars } = this.#read(line)
    if (!Number.isFinite(values[0]) && !CANONICAL.test(line))
      throw new Error('not NaN, +Inf or -Inf')
    // OpenMetrics is stricter about spaces and commas.
    if (!this.openMetrics) this.#reader.read(Buffer.from(`${line}\n${END}`), 'openmetrics')
    const [{ name, series }] = families
    const [exemplar] = exemplars ?? []
    return {
      name,
      labels: Object.fromEntries(series[0].labels.map(label => [label.name, label.value])),
      value: values[0],
      ...(timestamps && { timestamp: timestamps[0] }),
      ...(exemplar && { exemplar }),
    }
  }

  #read(line: string): Exposition {
    const page = Buffer.from(this.openMetrics ? `${line}\n${END}` : `${line}\n`)
    return this.#reader.read(page, this.openMetrics ? 'openmetrics' : 'text')
  }
}
