import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const SOURCES: readonly string[] = JSON.parse(
  readFileSync(join(root, 'tsconfig.build.json'), 'utf8'),
).include

/**
 * The allowed imports. Each table lists layers from top to bottom. A module may import from its own
 * folder and from lower layers. Folders of one layer may not import each other.
 */
const PROGRAMS = [['cli'], ['dev', 'lab'], ['exposer', 'gateway', 'agent', 'producer'], ['shared']]
const WITHIN: Readonly<Record<string, readonly (readonly string[])[]>> = {
  shared: [
    ['publish', 'remote-write'],
    ['exposition', 'snapshot'],
    ['metrics'],
    ['http', 'kafka'],
    ['base'],
  ],
  gateway: [['server'], ['api', 'page', 'publish', 'mirrors'], ['store', 'telemetry'], ['state']],
  agent: [['server'], ['routes', 'page'], ['telemetry'], ['scrape', 'host'], ['targets']],
  exposer: [['server'], ['routes', 'page', 'remote-write'], ['group', 'telemetry'], ['core']],
}

/** Exceptions from the tables, as `importer → imported`, with the reason. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'lab → dev/local': 'the lab runs the real Kafka and Prometheus that dev/local supplies',
}

interface Import {
  readonly file: string
  readonly imported: string
}

const importsOf = (file: string): Import[] =>
  [
    ...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.\.?\/[^']+)'/g),
  ].map(([, specifier]) => ({
    file,
    imported: relative(root, join(root, dirname(file), specifier)),
  }))

const files = SOURCES.flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(file => /\.(ts|mjs)$/.test(file))
    .map(file => join(folder, file))
    // npm pack copies compiled files there.
    .filter(file => !file.startsWith('producer/lib/')),
)
const imports = files.flatMap(importsOf)

/** The folder of a path at a depth. Undefined for a file directly in the folder above. */
const folderOf = (path: string, depth: number): string | undefined => {
  const parts = path.split('/')
  return parts.length > depth + 1 ? parts[depth] : undefined
}

function isAllowed(layers: readonly (readonly string[])[], from: string, to: string): boolean {
  if (from === to) return true
  const level = (name: string) => layers.findIndex(layer => layer.includes(name))
  return level(from) >= 0 && level(to) > level(from)
}

function isException({ file, imported }: Import): boolean {
  return Object.keys(EXCEPTIONS).some(exception => {
    const [from, to] = exception.split(' → ')
    return (
      (file === from || file.startsWith(`${from}/`)) &&
      (imported === to || imported.startsWith(`${to}/`))
    )
  })
}

const name = ({ file, imported }: Import) => `${file} imports ${imported}`

describe('imports', () => {
  test('of programs go downwards only, and no program imports another', () => {
    const offending = imports.filter(
      found =>
        !isException(found) &&
        !isAllowed(PROGRAMS, folderOf(found.file, 0) ?? '', folderOf(found.imported, 0) ?? ''),
    )
    expect(offending.map(name)).toEqual([])
  })

  test.each(Object.entries(WITHIN))(
    'between folders of %s go downwards only',
    (program, layers) => {
      const offending = imports.filter(found => {
        if (folderOf(found.file, 0) !== program || folderOf(found.imported, 0) !== program)
          return false
        const from = folderOf(found.file, 1)
        const to = folderOf(found.imported, 1)
        return !isException(found) && !isAllowed(layers, from ?? '', to ?? '')
      })
      expect(offending.map(name)).toEqual([])
    },
  )

  // The naive variants of the lab use kafkajs directly, as people build them.
  const ours = files.filter(file => !file.startsWith('lab/naive/'))
  const naming = (what: RegExp) =>
    ours.filter(file => what.test(readFileSync(join(root, file), 'utf8')))

  test('of kafkajs are in one file, so that it can be replaced', () => {
    expect(naming(/(from|import|require)\s*\(?\s*['"`]kafkajs/)).toEqual([
      'shared/kafka/wire/internals.ts',
    ])
  })

  test('and the names of kafkajs errors are in shared/kafka/wire only', () => {
    const files = naming(/\bKafkaJS[A-Z]/)
    expect(files.filter(file => !file.startsWith('shared/kafka/wire/'))).toEqual([])
  })

  test('yield the event loop in one module only', () => {
    expect(naming(/\bsetImmediate\b|\bscheduler\.(yield|wait)\b/)).toEqual([
      'shared/base/scheduling.ts',
    ])
  })

  test('need every listed exception', () => {
    const unused = Object.keys(EXCEPTIONS).filter(exception => {
      const [from, to] = exception.split(' → ')
      return !imports.some(({ file, imported }) => file.startsWith(from) && imported.startsWith(to))
    })
    expect(unused).toEqual([])
  })
})
