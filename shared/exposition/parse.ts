/** One line of an exposition. */
export interface ParsedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** As it stands there: milliseconds in text, seconds in OpenMetrics. */
  readonly timestamp?: number
  readonly exemplar?: string
}

export interface ParsedFamily {
  readonly name: string
  type: string
  help: string
  readonly samples: ParsedSample[]
}

/** An exposition that breaks a rule: the line, and which rule. */
class ExpositionError extends Error {
  override readonly name = 'ExpositionError'
}

/**
 * Reads text 0.0.4, text 1.0.0 and OpenMetrics strictly: everything that the formats forbid and that our own rendering could get
 * wrong is an error, among it a family in two groups, a series twice, and a sample outside its family.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function parseExposition(text: string): ParsedFamily[] {
  if (text !== '' && !text.endsWith('\n')) throw new ExpositionError('the last line has no line feed')
  const families = new Map<string, ParsedFamily>()
  const seen = new Set<string>()
  let current: ParsedFamily | undefined
  const lines = text.split('\n').slice(0, -1)
  for (const [index, line] of lines.entries()) {
    const fail = (why: string) => new ExpositionError(`line ${index + 1}: ${why}: ${line.slice(0, 200)}`)
    if (line === '# EOF') {
      if (index !== lines.length - 1) throw fail('lines after # EOF')
    } else if (line.startsWith('#')) current = readComment(line, families, current, fail)
    else if (line !== '') readSample(line, families, seen, current, fail)
  }
  return [...families.values()]
}

type Fail = (why: string) => ExpositionError

function readComment(
  line: string,
  families: Map<string, ParsedFamily>,
  current: ParsedFamily | undefined,
  fail: Fail,
): ParsedFamily {
  const match = /^# (HELP|TYPE|UNIT) ("(?:[^"\\]|\\.)*"|\S+) ?(.*)$/.exec(line)
  if (!match) throw fail('not a HELP, TYPE or UNIT line')
  const [, kind, written, rest] = match
  const name = written.startsWith('"') ? unescaped(written.slice(1, -1)) : written
  let family = families.get(name)
  if (!family) {
    family = { name, type: '', help: '', samples: [] }
    families.set(name, family)
  } else if (family !== current) throw fail('a family in two groups')
  if (kind === 'TYPE') {
    if (family.type !== '') throw fail('a second TYPE')
    if (family.samples.length > 0) throw fail('TYPE after samples')
    if (!/^(counter|gauge|histogram|summary|untyped|unknown)$/.test(rest)) throw fail('no such type')
    family.type = rest
  }
  if (kind === 'HELP') family.help = unescaped(rest)
  return family
}

function readSample(
  line: string,
  families: ReadonlyMap<string, ParsedFamily>,
  seen: Set<string>,
  current: ParsedFamily | undefined,
  fail: Fail,
): void {
  const sample = parseSample(line, fail)
  if (!current || families.get(current.name) !== current) throw fail('a sample before any family')
  const own = ['', '_total', '_bucket', '_sum', '_count'].some(
    suffix => sample.name === current.name + suffix,
  )
  if (!own) throw fail(`a sample that is not of family ${current.name}`)
  const identity = JSON.stringify([sample.name, Object.entries(sample.labels).sort(), sample.timestamp])
  if (seen.has(identity)) throw fail('a series twice')
  seen.add(identity)
  current.samples.push(sample)
}

function parseSample(line: string, fail: Fail): ParsedSample {
  const head = /^([a-zA-Z_:][a-zA-Z0-9_:]*)?/.exec(line)!
  let name = head[1]
  let at = head[0].length
  const labels: Record<string, string> = {}
  if (line[at] === '{') {
    at++
    while (line[at] !== '}') {
      const label = /^(?:"((?:[^"\\]|\\.)*)"|([a-zA-Z_][a-zA-Z0-9_]*))(?:="((?:[^"\\]|\\.)*)")?(,?)/.exec(
        line.slice(at),
      )
      if (!label) throw fail('a label that is none')
      const [whole, quoted, plain, value, comma] = label
      if (comma === '' && line[at + whole.length] !== '}') throw fail('labels without a comma between them')
      if (value === undefined) {
        if (quoted === undefined || name !== undefined) throw fail('a label without a value')
        name = unescaped(quoted)
      } else {
        const key = quoted === undefined ? plain : unescaped(quoted)
        if (Object.hasOwn(labels, key)) throw fail('a label twice')
        labels[key] = unescaped(value)
      }
      at += whole.length
    }
    at++
  }
  if (name === undefined) throw fail('a sample without a name')
  const tail = /^ (\S+)(?: (-?[0-9.e+]+))?(?: # (\{.*))?$/.exec(line.slice(at))
  if (!tail) throw fail('no value')
  const value = numberOf(tail[1])
  if (value === undefined) throw fail('a value that is no number')
  return {
    name,
    labels,
    value,
    ...(tail[2] === undefined ? {} : { timestamp: Number(tail[2]) }),
    ...(tail[3] === undefined ? {} : { exemplar: tail[3] }),
  }
}

function numberOf(text: string): number | undefined {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  if (text === '-Inf') return Number.NEGATIVE_INFINITY
  if (text === 'NaN') return Number.NaN
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined
}

const unescaped = (text: string) => text.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
