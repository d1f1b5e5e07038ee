import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { FileDiscovery } from '../../../../agent/scrape/discovery/file.js'
import { runCommand } from '../../../../dev/local/run-command.js'
import { YamlThread } from '../../../../shared/base/yaml/thread.js'
import { eventually } from '../../../support/eventually.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function folderOf(files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-file-sd-'))
  cleanups.push(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** A discovery with the number of changes that it has told. */
function started(folder: string, ...patterns: string[]) {
  const counts = { refreshes: 0, failures: 0 }
  const yaml = new YamlThread()
  const discovery = new FileDiscovery({ files: patterns, folder, maxBytes: 1e5, yaml, counts })
  const told = { changes: 0 }
  cleanups.push(() => discovery.stop())
  discovery.start(() => told.changes++)
  return { discovery, told }
}

const addresses = ({ groups }: FileDiscovery) => groups?.flatMap(({ targets }) => targets)

describe('discovery by files', () => {
  test('keeps the problem of a file until the file is mended, whatever other files do', async () => {
    const folder = folderOf({ 'a.json': '[{"targets": ["a:1"]}]', 'b.json': '[]' })
    const { discovery, told } = started(folder, '*.json', 'missing.yml')
    await eventually(() => expect(addresses(discovery)).toEqual(['a:1']))
    expect(told.changes).toBe(1)
    writeFileSync(join(folder, 'a.json'), '[{"targets": ["a:1"')
    await eventually(() => expect(discovery.problems.join()).toContain('a.json: '))
    writeFileSync(join(folder, 'b.json'), '[{"targets": ["b:1"]}]')
    await eventually(() => expect(addresses(discovery)).toEqual(['a:1', 'b:1']))
    expect(discovery.problems.join()).toContain('a.json: ')
    // Each change is told once, although a file is missing and another is broken.
    expect([told.changes, discovery.failures]).toEqual([3, 1])
    writeFileSync(join(folder, 'a.json'), '[]')
    await eventually(() => expect(addresses(discovery)).toEqual(['b:1']))
    expect(discovery.problems).toEqual([])
  })

  test('has no targets in a file with null, which takes the place of those before', async () => {
    const folder = folderOf({ 'a.json': '[{"targets": ["a:1"]}]', 'b.json': 'null' })
    const { discovery } = started(folder, '*.json')
    await eventually(() => expect(addresses(discovery)).toEqual(['a:1']))
    expect(discovery.problems).toEqual([])
    writeFileSync(join(folder, 'a.json'), 'null')
    await eventually(() => expect(addresses(discovery)).toEqual([]))
    expect([discovery.problems, discovery.failures]).toEqual([[], 0])
  })

  test('does not wait for the writer of a pipe', async () => {
    const folder = folderOf({ 'b.json': '[{"targets": ["b:1"]}]' })
    await runCommand('mkfifo', [join(folder, 'a.json')])
    const { discovery } = started(folder, '*.json')
    await eventually(() => expect(addresses(discovery)).toEqual(['b:1']))
    expect(discovery.problems.join()).toContain('a.json: is not a regular file')
  })

  // Root reads everything: a link to itself is what it cannot read either.
  test('keeps the targets of a file that cannot be read', async () => {
    const folder = folderOf({ 'a.json': '[{"targets": ["a:1"]}]' })
    const { discovery } = started(folder, 'a.json')
    await eventually(() => expect(addresses(discovery)).toEqual(['a:1']))
    rmSync(join(folder, 'a.json'))
    symlinkSync('a.json', join(folder, 'a.json'))
    await eventually(() => expect(discovery.problems.join()).toContain('ELOOP'))
    expect(addresses(discovery)).toEqual(['a:1'])
    rmSync(join(folder, 'a.json'))
    await eventually(() => expect(addresses(discovery)).toEqual([]))
    expect(discovery.problems).toEqual([])
  })

  test('keeps the targets of a folder that cannot be read', async () => {
    const folder = folderOf({})
    mkdirSync(join(folder, 'sd'))
    writeFileSync(join(folder, 'sd', 'a.json'), '[{"targets": ["a:1"]}]')
    const { discovery } = started(folder, 'sd/*.json')
    await eventually(() => expect(addresses(discovery)).toEqual(['a:1']))
    renameSync(join(folder, 'sd'), join(folder, 'away'))
    symlinkSync('sd', join(folder, 'sd'))
    await eventually(() => expect(discovery.problems.join()).toContain('ELOOP'))
    expect(addresses(discovery)).toEqual(['a:1'])
    rmSync(join(folder, 'sd'))
    renameSync(join(folder, 'away'), join(folder, 'sd'))
    await eventually(() => expect(discovery.problems).toEqual([]))
    expect(addresses(discovery)).toEqual(['a:1'])
  })

  test('tells the problems of all files, ten at most', async () => {
    const files = Array.from({ length: 12 }, (_, i) => [`${i}.json`, '['] as const)
    const { discovery } = started(folderOf(Object.fromEntries(files)), '*.json')
    await eventually(() => expect(discovery.problems).toHaveLength(11))
    expect(discovery.problems.at(-1)).toBe('2 other problems')
  })

  test('refuses a file that is larger than the limit', async () => {
    const { discovery } = started(folderOf({ 'a.json': ' '.repeat(100_001) }), '*.json')
    await eventually(() => expect(discovery.problems.join()).toContain('longer than 100000 bytes'))
  })

  // Long YAML is read by another thread than short YAML.
  test.each([
    ['short', ''],
    ['long', '#'.repeat(2000)],
  ])('reads %s YAML with all scalars as texts', async (_, comment) => {
    const yaml = `${comment}
- targets: [a:1, 'b:2']
  labels: &common
    version: 1.10
    on: yes
    long: |
      two
      lines
- targets:
  - c:3
  labels: { <<: *common, version: ~ }
- targets:
`
    const folder = folderOf({ 'a.yml': yaml })
    const { discovery } = started(folder, '*.yml')
    await eventually(() => expect(addresses(discovery)).toEqual(['a:1', 'b:2', 'c:3']))
    const __meta_filepath = join(folder, 'a.yml')
    const common = { on: 'yes', long: 'two\nlines\n', __meta_filepath }
    expect(discovery.groups?.map(({ labels }) => labels)).toEqual([
      { ...common, version: '1.10' },
      common,
      { __meta_filepath },
    ])
  })

  test.each([
    ['short', ''],
    ['long', '#'.repeat(2000)],
  ])('tells what is wrong in %s YAML', async (_, comment) => {
    const folder = folderOf({ 'a.yml': `${comment}\n- targets: [` })
    const { discovery } = started(folder, '*.yml')
    await eventually(() => expect(discovery.problems.join()).toMatch(/a\.yml: .*line/))
  })
})
