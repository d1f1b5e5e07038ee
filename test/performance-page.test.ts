import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { benches } from './bench/benches.js'
import { blockOf, blocksOf, replaceBlock } from './bench/page.js'

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url))
const bench = { measures: 'a sum', process: 'the benchmark itself' }
const page = (names: string[]) =>
  names
    .map(name => `About ${name}.\n\n${blockOf(name, bench, { rows: [], conditions: 'None' })}\n`)
    .join('\n')

describe('docs/performance.md', () => {
  const blocks = blocksOf(readFileSync(PAGE, 'utf8'))

  test('has one generated block per benchmark, in the order in which they run', () => {
    expect([...blocks.keys()]).toEqual(Object.keys(benches))
  })

  test.each(Object.entries(benches))('has the description and rows of %s', (name, described) => {
    const lines = blocks.get(name)!.split('\n')
    const empty = blockOf(name, described, { rows: [], conditions: lines[3].slice(0, -1) })
    const rows = lines.slice(7, -1)
    expect(lines.filter(line => !rows.includes(line))).toEqual(empty.split('\n'))
    expect(rows.filter(row => row.split(/(?<!\\)\|/).length !== 6)).toEqual([])
  })
})

describe('writing results', () => {
  test('replaces the block of the benchmark and nothing else', () => {
    const rows = [
      { work: 'a | b', figure: '$& 1.0 CPU-s', note: 'two\nlines' },
      { work: 'c', figure: '2', goal: '≤ 3' },
    ]
    const block = blockOf('b', bench, { rows, conditions: 'Monday' })
    const before = page(['a', 'b', 'c'])
    const after = replaceBlock(before, 'b', block)
    expect(after.split(block)).toEqual(before.split(blocksOf(before).get('b')!))
    expect(block).toBe(
      [
        '<!-- bench b -->',
        '`npm run bench -- b`: a sum.',
        'Process: the benchmark itself.',
        'Monday.',
        '',
        '| work | figure | goal | conditions |',
        '|---|---|---|---|',
        '| a \\| b | $& 1.0 CPU-s |  | two lines |',
        '| c | 2 | ≤ 3 |  |',
        '<!-- end of bench -->',
      ].join('\n'),
    )
  })

  test('of a benchmark that the page does not know is an error that says what to add', () => {
    expect(() => replaceBlock(page(['a']), 'ab', 'text')).toThrow(
      'the page has no block of ab: add <!-- bench ab --> and <!-- end of bench --> to it',
    )
  })
})
