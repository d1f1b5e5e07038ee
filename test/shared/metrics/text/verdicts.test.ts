import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CASES } from './collection.js'
import { DIFFERENCES } from './differences.js'
import { agree, JUDGED_DIALECTS, keyOf, ours, VERDICTS } from './judgement.js'

const docs = readFileSync(new URL('../../../../docs/expositions.md', import.meta.url), 'utf8')
const DOCUMENTED = {
  'scrape text': '`scrape`, text',
  'scrape openmetrics': '`scrape`, OpenMetrics',
  push: '`push`',
  openmetrics: '`openmetrics`',
} as const

test('the collection has more than 600 different expositions, and each has the verdict of four judges', () => {
  expect(CASES.length).toBeGreaterThan(600)
  expect(new Set(CASES.map(keyOf)).size).toBe(CASES.length)
  const missing = CASES.filter(case_ => !VERDICTS.has(keyOf(case_)))
  expect(missing, 'ask the judges as docs/expositions.md says and record what they say').toEqual([])
})

test.each(JUDGED_DIALECTS)(
  '%s: differs from the judge only where the documentation says so',
  dialect => {
    const judged = CASES.map(case_ => ({
      page: case_.text,
      ours: ours(dialect, case_),
      judge: VERDICTS.get(keyOf(case_))![dialect],
    }))
    const differing = judged.filter(({ ours, judge }) => !agree(ours, judge))
    const expected = Object.values(DIFFERENCES[dialect]).flat()
    expect(differing.filter(({ page }) => !expected.includes(page))).toEqual([])
    expect(new Set(differing.map(({ page }) => page))).toEqual(new Set(expected))
    for (const reason of Object.keys(DIFFERENCES[dialect])) expect(docs).toContain(`| ${reason} |`)
    expect(docs).toContain(
      `| ${DOCUMENTED[dialect]} | ${CASES.length - differing.length} of ${CASES.length} |`,
    )
  },
)
