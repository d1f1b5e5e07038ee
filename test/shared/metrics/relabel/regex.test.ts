import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { expand } from '../../../../shared/metrics/relabel/expand.js'
import { Regex } from '../../../../shared/metrics/relabel/regex.js'
import { RegexError } from '../../../../shared/metrics/relabel/syntax.js'
import { LongestSteps } from '../../../support/longest-step.js'

interface GoCase {
  readonly regex: string
  /** False: Go does not accept it. */
  readonly valid?: false
  readonly template?: string
  readonly texts?: readonly [
    text: string,
    match: { readonly groups: readonly (string | null)[]; readonly expanded: string } | null,
  ][]
}

/** Answers of Go's regexp to `^(?s:<regex>)$`, as Prometheus compiles it. */
const CASES: readonly GoCase[] = JSON.parse(
  readFileSync(new URL('go-regexps.json', import.meta.url), 'utf8'),
)

describe('a regular expression', () => {
  test('is accepted, matches and is expanded as by Go', () => {
    const accepted = CASES.filter(({ valid }) => valid !== false)
    expect(accepted.length).toBeGreaterThan(100)
    for (const { regex: source, template, texts } of accepted) {
      const regex = new Regex(source)
      for (const [text, expected] of texts!) {
        const groups = regex.match(text)
        const found = groups && {
          groups: groups.map(group => group ?? null),
          expanded: expand(template!, groups, regex.groupNames),
        }
        expect([source, text, found]).toEqual([source, text, expected])
        expect(regex.test(text)).toBe(expected !== null)
      }
    }
  })

  test('is refused as by Go', () => {
    const refused = CASES.filter(({ valid }) => valid === false)
    expect(refused.length).toBeGreaterThan(50)
    for (const { regex } of refused) expect(() => new Regex(regex), regex).toThrow(RegexError)
  })

  test.each([
    ['(?=a)', 'invalid or unsupported Perl syntax: `(?='],
    ['(a)\\1', 'invalid escape sequence: `\\1`'],
    ['a**', 'invalid nested repetition operator'],
    ['a{1001}', 'invalid repeat count: `{1001}`'],
    ['*a', 'missing argument to repetition operator: `*`'],
    ['(a', 'missing closing )'],
    ['a)', 'unexpected )'],
    ['[a', 'missing closing ]'],
    ['[z-a]', 'invalid character class range: `z-a`'],
    ['\\', 'trailing backslash'],
    ['\\p{Klingon}', 'invalid character class range: `\\p{Klingon}`'],
    ['((a{1000}){1000}){1000}', 'expression too large'],
    ['('.repeat(300), 'expression nests too deeply'],
  ])('%j is refused with the reason', (source, reason) => {
    expect(() => new Regex(source)).toThrow(reason)
  })

  test('matches hostile texts in time that grows with the text only', () => {
    const regex = new Regex('(a*)*(a|aa)+(.*x)*')
    // A backtracking matcher would need more than 10^30 steps.
    expect(regex.test(`${'a'.repeat(5000)}!`)).toBe(false)
  })

  test('matches hostile texts of any length in short steps', () => {
    const steps = new LongestSteps()
    // Each character is read by many threads, which set groups.
    const regex = new Regex('(?:(a)|(a)|(a))*'.repeat(20))
    for (let i = 0; i < 3; i++) {
      steps.restart()
      expect(steps.run(regex.matchSteps(`${'a'.repeat(2000)}!`))).toBeNull()
    }
    expect(steps.ms, steps.longest).toBeLessThan(5)
  })
})
