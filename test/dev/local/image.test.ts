import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8').replaceAll('\\\n', '')
const stages = new Map(
  dockerfile
    .split(/^FROM /m)
    .slice(1)
    .map(stage => [/^\S+ AS (\w+)/.exec(stage)?.[1] ?? 'image', stage]),
)
const instructions = (stage: string, name: string): string[] =>
  [...stages.get(stage)!.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(found => found[1])

const folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-image-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Lock {
  readonly packages: Record<
    string,
    { readonly version: string; readonly dev?: boolean; readonly peer?: boolean }
  >
}
const readLock = (file: string): Lock['packages'] => (JSON.parse(readFileSync(file, 'utf8')) as Lock).packages

test('what the image copies of the checkout is there', () => {
  const copied = [...stages.keys()]
    .flatMap(stage => instructions(stage, 'COPY'))
    .filter(arguments_ => !arguments_.startsWith('--from'))
    .flatMap(arguments_ => arguments_.split(' ').slice(0, -1))
  expect(copied.length).toBeGreaterThan(5)
  for (const path of copied) expect(existsSync(join(root, path)), path).toBe(true)
})

test('the image gets every library of the server, in the version of the lock file, and nothing of development', () => {
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(root, file), join(folder, file))
  const [run] = instructions('libraries', 'RUN')
  // Only what would be installed is worked out, from the lock file alone.
  const env = {
    ...process.env,
    npm_config_package_lock_only: 'true',
    npm_config_offline: 'true',
    npm_config_cache: join(folder, 'cache'),
  }
  execFileSync('sh', ['-c', run], { cwd: folder, env, stdio: 'pipe' })
  const { dependencies, peerDependencies, devDependencies } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  )
  const wanted = Object.keys({ ...dependencies, ...peerDependencies })
  const locked = readLock(join(root, 'package-lock.json'))
  const { '': _, ...installed } = readLock(join(folder, 'package-lock.json'))
  for (const name of wanted) expect(installed, name).toHaveProperty([`node_modules/${name}`])
  for (const [path, { version, dev }] of Object.entries(installed)) {
    expect([path, version, dev]).toEqual([path, locked[path].version, undefined])
  }
  const development = Object.keys(devDependencies).filter(name => !wanted.includes(name))
  expect(development.filter(name => installed[`node_modules/${name}`])).toEqual([])
})
