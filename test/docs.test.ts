import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { HandFed } from './exposer/hand-fed.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
]

/** The anchor that GitHub generates for a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s-]/gu, '')
    .trim()
    .replace(/\s/g, '-')

describe('the documentation', () => {
  test.each(pages)('%s has no broken link', page => {
    for (const [, target] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path, anchor] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      expect(existsSync(join(root, file)), `${page} links to ${target}`).toBe(true)
      if (anchor === undefined) continue
      const anchors = [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
        anchorOf(heading),
      )
      expect(anchors, `${page} links to ${target}`).toContain(anchor)
    }
  })

  test.each(pages)('%s wraps its text at 100 characters', page => {
    const text = read(page).replace(/^( *)```.*?^\1```/gms, '')
    const long = text
      .split('\n')
      // A table, code and an image are one line; a word may be a long link.
      .filter(line => line.length > 100 && /^(?!\||!\[| {4})\s*\S+ .*\S/.test(line))
    expect(long).toEqual([])
  })

  test('docs/configuration.md has all flags of the exposer with their defaults', () => {
    const help = read('test/cli/exposer-help.txt')
    const rows = read('docs/configuration.md').split('\n')
    for (const [, flag, value] of help.matchAll(
      /^ {1,6}(?:-\w, )?(--[a-z.-]+)(?:=("?[^\s"<]+"?))?/gm,
    )) {
      if (['--help', '--version', '--log.level', '--log.format'].includes(flag)) continue
      const row = rows.find(line => line.startsWith(`| \`${flag}\``))
      expect(row, `${flag} is not in docs/configuration.md`).toBeDefined()
      if (value) expect(row, `the default of ${flag}`).toContain(`\`${value.replaceAll('"', '')}\``)
    }
  })

  test('docs/http-api.md has all paths of the exposer', () => {
    const page = read('docs/http-api.md')
    const source = read('exposer/routes/endpoints.ts')
    const paths = [...source.matchAll(/(?:get|fastPath)\('([^':]+)'/g)].map(([, path]) => path)
    expect(paths.length).toBeGreaterThan(7)
    expect(paths.filter(path => !page.includes(`| \`${path}`))).toEqual([])
  })

  test('docs/metrics.md has all metrics of the exposer', async () => {
    const metrics = read('docs/metrics.md')
    const shard = await HandFed.start()
    try {
      const text = await (await shard.get('/telemetry')).text()
      const names = [...text.matchAll(/^# TYPE (exposer_\w+)/gm)].map(([, name]) => name)
      expect(names.length).toBeGreaterThan(20)
      const missing = names.filter(name => !metrics.includes(name))
      expect(missing).toEqual([])
    } finally {
      await shard.stop()
    }
  })
})
