import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { HandFed } from './exposer/hand-fed.js'
import { DIFFERENCES } from './integration/gateway/differences.js'
import { startAgent } from './support/agent.js'
import { startGateway } from './support/gateway.js'

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

  test.each(['exposer', 'gateway', 'agent'])(
    'docs/configuration.md has all flags of %s with their defaults',
    command => {
      const help = read(`test/cli/${command}-help.txt`)
      const section = read('docs/configuration.md').split(`## Flags of \`${command}\`\n`)[1]
      const rows = section.split('\n## ')[0].split('\n')
      for (const [, flag, value] of help.matchAll(
        /^ {1,6}(?:-\w, )?--(?:\[no-\])?([a-z0-9.-]+)(?:=("?[^\s"<]+"?))?/gm,
      )) {
        if (['help', 'version', 'log.level', 'log.format'].includes(flag)) continue
        const row = rows.find(line => line.startsWith(`| \`--${flag}\``))
        expect(row, `${flag} is not in docs/configuration.md`).toBeDefined()
        if (value)
          expect(row, `the default of ${flag}`).toContain(`\`${value.replaceAll('"', '')}\``)
      }
    },
  )

  test('docs/http-api.md has all paths of the exposer', () => {
    const page = read('docs/http-api.md')
    const source = read('exposer/routes/endpoints.ts')
    const paths = [...source.matchAll(/(?:get|fastPath)\('([^':]+)'/g)].map(([, path]) => path)
    expect(paths.length).toBeGreaterThan(7)
    expect(paths.filter(path => !page.includes(`| \`${path}`))).toEqual([])
  })

  test('docs/http-api.md has all fixed paths of the gateway', () => {
    const page = read('docs/http-api.md').split('## Gateway')[1]
    const source = read('gateway/api/endpoints.ts')
    const found = [...source.matchAll(/get\('([^':]+)'/g)].map(([, path]) => path)
    const paths = [...found, '/-/quit']
    expect(paths.length).toBeGreaterThan(7)
    expect(paths.filter(path => !page.includes(path))).toEqual([])
  })

  test('docs/http-api.md has all fixed paths of the agent', () => {
    const page = read('docs/http-api.md').split('## Agent')[1]
    const source = read('agent/routes/endpoints.ts') + read('shared/http/lifecycle.ts')
    const paths = [...source.matchAll(/(?:get|add)\('(\/[^':]*)'/g)].map(([, path]) => path)
    expect(paths.length).toBeGreaterThan(7)
    expect(paths.filter(path => !page.includes(`${path}\``))).toEqual([])
  })

  test('docs/gateway.md has all differences from Pushgateway', () => {
    const page = read('docs/gateway.md')
    expect(Object.values(DIFFERENCES).filter(text => !page.includes(`| ${text} |`))).toEqual([])
  })

  test('docs/metrics.md has all metrics of the gateway', async () => {
    const metrics = read('docs/metrics.md')
    const gateway = await startGateway()
    try {
      const text = await (await fetch(`${gateway.url}/telemetry`)).text()
      const stores = read('gateway/server/stores.ts') + read('gateway/mirrors/mirror-metrics.ts')
      const names = [
        ...[...text.matchAll(/^# TYPE (gateway_\w+)/gm)].map(([, name]) => name),
        ...[...stores.matchAll(/'(gateway_\w+)'/g)].map(([, name]) => name),
      ]
      expect(names.length).toBeGreaterThan(40)
      expect(names.filter(name => !metrics.includes(name))).toEqual([])
    } finally {
      await gateway.stop()
    }
  })

  test('docs/metrics.md has all metrics of the agent', async () => {
    const metrics = read('docs/metrics.md').split('## Agent')[1]
    const agent = await startAgent()
    try {
      const text = await (await fetch(`${agent.url}/metrics`)).text()
      const names = [...text.matchAll(/^# TYPE (agent_\w+)/gm)].map(([, name]) => name)
      expect(names.length).toBeGreaterThan(20)
      expect(names.filter(name => !metrics.includes(`\`${name}\``))).toEqual([])
    } finally {
      await agent.stop()
    }
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
