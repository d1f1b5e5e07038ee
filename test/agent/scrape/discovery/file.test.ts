import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { FileDiscovery } from '../../../../agent/scrape/discovery/file.js'
import { runCommand } from '../../../../dev/local/run-command.js'
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
  const discovery = new FileDiscovery(patterns, folder)
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
    await eventually(() => expect(discovery.problem).toContain('a.json: '))
    writeFileSync(join(folder, 'b.json'), '[{"targets": ["b:1"]}]')
    await eventually(() => expect(addresses(discovery)).toEqual(['a:1', 'b:1']))
    expect(discovery.problem).toContain('a.json: ')
    // Each change is told once, although a file is missing and another is broken.
    expect([told.changes, discovery.failures]).toEqual([3, 1])
    writeFileSync(join(folder, 'a.json'), '[]')
    await eventually(() => expect(addresses(discovery)).toEqual(['b:1']))
    expect(discovery.problem).toBeUndefined()
  })

  test('does not wait for the writer of a pipe', async () => {
    const folder = folderOf({ 'b.json': '[{"targets": ["b:1"]}]' })
    await runCommand('mkfifo', [join(folder, 'a.json')])
    const { discovery } = started(folder, '*.json')
    await eventually(() => expect(addresses(discovery)).toEqual(['b:1']))
    expect(discovery.problem).toContain('a.json: is not a regular file')
  })
})
