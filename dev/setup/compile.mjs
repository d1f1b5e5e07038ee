import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { progress } from './progress.mjs'
import { root } from './project.mjs'
import { run } from './run.mjs'
import { filesUnder, SOURCES, versionOf } from './sources.mjs'

/** Files that affect the compilation of all sources. */
const SETTINGS = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']

export const dist = {
  name: 'the program',
  folder: 'dist',
  config: 'tsconfig.build.json',
  sources: SOURCES,
}
export const bench = {
  name: 'the benchmarks',
  folder: 'dist-bench',
  config: 'tsconfig.bench.json',
  sources: [...SOURCES, 'test'],
}

/**
 * Compiles the sources into `folder` if they have changed, and copies the files that are read at
 * run time.
 */
export async function compile({ name, folder, config, sources }) {
  const now = filesUnder(sources)
  for (const file of [...SETTINGS, config]) now[file] = versionOf(file)
  const stamp = join(root, folder, '.built.json')
  const before = read(stamp)
  const names = Object.keys(now)
  if (
    before &&
    names.length === Object.keys(before).length &&
    names.every(name => before[name] === now[name])
  )
    return
  progress(`compiling ${name}`)
  rmSync(stamp, { force: true })
  for (const removed of Object.keys(before ?? {}).filter(file => !now[file]))
    removeOutput(folder, removed)
  await run('tsc', process.execPath, ['node_modules/typescript/bin/tsc', '-p', config])
  for (const asset of names.filter(isAsset)) {
    mkdirSync(join(root, folder, dirname(asset)), { recursive: true })
    copyFileSync(join(root, asset), join(root, folder, asset))
  }
  writeFileSync(stamp, JSON.stringify(now))
}

/**
 * Web pages, schemas, the pom and plain modules: all files except TypeScript, npm's files and the
 * setup.
 */
const isAsset = path =>
  path.includes('/') &&
  !/\.[mc]?ts$|\/(package\.json|README\.md|LICENSE)$/.test(path) &&
  !path.startsWith('dev/setup/') &&
  !path.startsWith('test/')

function removeOutput(folder, source) {
  const stem = join(root, folder, source.replace(/\.ts$/, ''))
  for (const ending of source.endsWith('.ts') ? ['.js', '.d.ts'] : ['']) {
    rmSync(stem + ending, { force: true })
  }
}

function read(stamp) {
  try {
    return JSON.parse(readFileSync(stamp, 'utf8'))
  } catch {
    return null
  }
}
