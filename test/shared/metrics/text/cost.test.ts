import { describe, expect, test } from 'vitest'
import type { TextDialect } from '../../../../shared/metrics/text/dialect.js'
import { TextReader } from '../../../../shared/metrics/text/reader.js'
import { ExpositionRefused } from '../../../../shared/metrics/text/refusal.js'

const MB = 1_000_000
const filled = (piece: string, start = '', end = '\n') =>
  start + piece.repeat(Math.ceil(MB / piece.length)) + end
const numbered = (line: (i: number) => string) => {
  let page = ''
  for (let i = 0; page.length < MB && i < 50_000; i++) page += line(i)
  return page
}

/** A megabyte each, of what costs a careless reader most. */
const HOSTILE: Readonly<Record<string, string>> = {
  'one line': filled('x'),
  'a line without an end': filled('x', '', ''),
  'empty lines': filled('\n'),
  'lines of #': filled('#\n'),
  'one comment': filled('#'),
  'one HELP': filled('x', '# HELP a '),
  'one TYPE': filled('x', '# TYPE a '),
  'HELP lines of one family': filled('# HELP a x\n'),
  'HELP lines of many families': numbered(i => `# HELP a${i} x\n`),
  'blanks before a value': filled(' ', 'a'),
  'blanks in braces': filled(' ', 'a{'),
  'lines of blanks': filled('    \n'),
  'labels of one series': filled('l="x",', 'a{'),
  'different labels of one series': `a{${numbered(i => `l${i}="x",`)}`,
  'one label name': filled('l', 'a{'),
  'one label value': filled('x', 'a{l="'),
  'one label value of escapes': filled('\\n', 'a{l="'),
  'one quoted name': filled('x', '{"'),
  'one number': filled('1', 'a '),
  'one fraction': filled('0', 'a 0.'),
  'one exponent': filled('0', 'a 1e'),
  'one timestamp': filled('0', 'a 1 '),
  braces: filled('{'),
  'quotation marks': filled('"'),
  backslashes: filled('\\', 'a{l="'),
  'different series': numbered(i => `a{l="${i}"} 1\n`),
  'different names': numbered(i => `a${i} 1\n`),
  'one series': filled('a 1\n'),
  'series of many labels': numbered(
    i => `a{${Array.from({ length: 60 }, (_, k) => `l${k}="${i}"`)}} 1\n`,
  ),
  'labels in the worst order': numbered(
    i => `a{${Array.from({ length: 60 }, (_, k) => `l${99 - k}="${i}"`)}} 1\n`,
  ),
  'numbers of many digits': numbered(i => `a{l="${i}"} 0.${'123456789'.repeat(20)}${i}\n`),
  'bytes that are not UTF-8': filled('\xff'),
  'samples and #': filled('a 1\n# \n'),
}

function cpuOf(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function readOrRefuse(dialect: TextDialect, page: Buffer): void {
  try {
    new TextReader(dialect).read(page)
  } catch (error) {
    if (!(error instanceof ExpositionRefused)) throw error
  }
}

describe.each<TextDialect>(['scrape', 'push', 'openmetrics'])('%s: a hostile page', dialect => {
  test.each(Object.entries(HOSTILE))('of %s costs less than a second of CPU', (_, text) => {
    const page = Buffer.from(text, 'latin1')
    expect(cpuOf(() => readOrRefuse(dialect, page))).toBeLessThan(1000)
  })
})

test('a page is read in a step for each 4 KiB', () => {
  for (const line of ['a 1\n', 'a{l="x"} 1\n', '\n', '# comment\n']) {
    const page = Buffer.from(line.repeat(MB / line.length / 10))
    const steps = new TextReader('scrape').readInSteps(page)
    let count = 0
    while (!steps.next().done) count++
    expect(count).toBeGreaterThanOrEqual(Math.floor(page.length / 4200))
  }
})
