import { expect, test } from 'vitest'
import { CASES } from './collection.js'
import { documentedPages, readings } from './documented.js'

const pages = documentedPages()

test('docs/expositions.md documents more than 80 pages, each of which has verdicts of the real readers', () => {
  expect(pages.length).toBeGreaterThan(80)
  const judged = new Set(CASES.map(({ text }) => text))
  expect(pages.filter(({ text }) => !judged.has(text))).toEqual([])
})

test.each(pages)('$what: $text', ({ text, read }) => {
  expect(readings(text)).toEqual(read)
})
