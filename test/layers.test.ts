import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const SOURCES: readonly string[] = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8')).include

/**
 * Who may import whom. Each table lists layers from the top; a module may import its own folder and every layer below its own.
 * Two folders of one layer may not import each other.
 */
const PROGRAMS = [['cli'], ['dev', 'lab'], ['exposer', 'gateway', 'agent', 'producer'], ['shared']]
const WITHIN: Readonly<Record<string, readonly (readonly string[])[]>> = {
  shared: [['publish', 'remote-write'], ['exposition', 'snapshot'], ['metrics'], ['http', 'kafka'], ['base']],
  exposer: [['server'], ['routes', 'page', 'remote-write'], ['group', 'telemetry'], ['core']],
}

/** Imports that the tables forbid and that are there all the same, as `importer → imported`, with the reason. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'lab → dev/local': 'the lab runs the real Kafka and Prometheus that dev/local supplies',
}

interface Import {
  readonly file: string
  readonly imported: string
}

const importsOf = (file: string): Import[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.\.?\/[^']+)'/g)].map(
    ([, specifier]) => ({ file, imported: relative(root, join(root, dirname(file), specifier)) }),
  )

const files = SOURCES.flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(file => /\.(ts|mjs)$/.test(file))
    .map(file => join(folder, file))
    // Copied there by npm pack.
    .filter(file => !file.startsWith('producer/lib/')),
)
const imports = files.flatMap(importsOf)

/** The folder of a path at a depth; a file that lies directly in the folder above is in none. */
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
      (file === from || file.startsWith(`${from}/`)) && (imported === to || imported.startsWith(`${to}/`))
    )
  })
}

const name = ({ file, imported }: Import) => `${file} imports ${imported}`

describe('who imports whom', () => {
  test('programs import downwards only, and none imports another', () => {
    const offending = imports.filter(
      found =>
        !isException(found) &&
        !isAllowed(PROGRAMS, folderOf(found.file, 0) ?? '', folderOf(found.imported, 0) ?? ''),
    )
    expect(offending.map(name)).toEqual([])
  })

  test.each(Object.entries(WITHIN))('inside %s, folders import downwards only', (program, layers) => {
    const offending = imports.filter(found => {
      if (folderOf(found.file, 0) !== program || folderOf(found.imported, 0) !== program) return false
      const from = folderOf(found.file, 1)
      const to = folderOf(found.imported, 1)
      return !isException(found) && !isAllowed(layers, from ?? '', to ?? '')
    })
    expect(offending.map(name)).toEqual([])
  })

  // The naive variants of the lab are what people build: with the client library itself.
  const ours = files.filter(file => !file.startsWith('lab/naive/'))
  const naming = (what: RegExp) => ours.filter(file => what.test(readFileSync(join(root, file), 'utf8')))

  test('one file imports kafkajs, so that another client can take its place', () => {
    expect(naming(/(from|import|require)\s*\(?\s*['"`]kafkajs/)).toEqual(['shared/kafka/wire/internals.ts'])
  })

  test('only shared/kafka/wire knows the names of what kafkajs throws', () => {
    const knowing = naming(/\bKafkaJS[A-Z]/)
    expect(knowing.filter(file => !file.startsWith('shared/kafka/wire/'))).toEqual([])
  })

  test('one module yields the event loop, so that no two disagree on how', () => {
    expect(naming(/\bsetImmediate\b|\bscheduler\.(yield|wait)\b/)).toEqual(['shared/base/scheduling.ts'])
  })

  test('every exception is needed', () => {
    const unused = Object.keys(EXCEPTIONS).filter(exception => {
      const [from, to] = exception.split(' → ')
      return !imports.some(({ file, imported }) => file.startsWith(from) && imported.startsWith(to))
    })
    expect(unused).toEqual([])
  })
})
