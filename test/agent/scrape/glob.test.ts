import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { filesOf } from '../../../agent/scrape/glob.js'

const folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-glob-'))
for (const name of ['b.yml', 'a.yml', 'a.json', 'x+y.yml']) writeFileSync(join(folder, name), '')
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['*.yml', ['a.yml', 'b.yml', 'x+y.yml']],
  ['a.*', ['a.json', 'a.yml']],
  ['x+*.yml', ['x+y.yml']],
  ['?.yml', ['a.yml', 'b.yml']],
  ['missing.yml', ['missing.yml']],
  ['*.toml', []],
  ['absent/*.yml', []],
])('%s', (pattern, names) => {
  expect(filesOf(join(folder, pattern))).toEqual(names.map(name => join(folder, name)))
})
