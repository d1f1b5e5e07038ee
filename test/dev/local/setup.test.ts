import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { isStale } from '../../../dev/setup/dependencies.mjs'
import { checkNodeVersion } from '../../../shared/base/node-version.mjs'

const packageJson = fileURLToPath(new URL('../../../package.json', import.meta.url))

describe('setting up a checkout', () => {
  test('refuses an old version of Node.js and says what to do', () => {
    expect(() => checkNodeVersion(packageJson, '20.18.3')).toThrow(
      /requires Node\.js 20\.19\.0 or newer; this is 20\.18\.3/,
    )
    expect(() => checkNodeVersion(packageJson, '18.20.0')).toThrow()
    expect(() => checkNodeVersion(packageJson, '20.19.0')).not.toThrow()
    expect(() => checkNodeVersion(packageJson, '20.100.0')).not.toThrow()
    expect(() => checkNodeVersion(packageJson, '24.0.0')).not.toThrow()
  })

  test('installs dependencies that are missing, outdated or incompletely installed', () => {
    const wanted = {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '2.0.0' },
    }
    const { 'node_modules/b': _, ...withoutB } = wanted
    expect(isStale(wanted, wanted)).toBe(false)
    expect(isStale(wanted, withoutB)).toBe(true)
    expect(isStale(wanted, { ...wanted, 'node_modules/b': { version: '1.9.9' } })).toBe(true)
    expect(isStale(wanted, null)).toBe(true)
  })

  test('ignores missing optional packages of other platforms', () => {
    const wanted = { 'node_modules/win32-only': { version: '1.0.0', optional: true } }
    expect(isStale(wanted, {})).toBe(false)
  })

  test('needs a complete lock file, with the packages of all platforms, for npm ci', () => {
    const lock = fileURLToPath(new URL('../../../package-lock.json', import.meta.url))
    const packages: Record<string, { dependencies?: object; optionalDependencies?: object }> =
      JSON.parse(readFileSync(lock, 'utf8')).packages
    const missing = Object.entries(packages).flatMap(
      ([path, { dependencies, optionalDependencies }]) =>
        Object.keys({ ...dependencies, ...optionalDependencies })
          .filter(
            name => !foldersAbove(path).some(folder => `${folder}node_modules/${name}` in packages),
          )
          .map(name => `${name} of ${path}`),
    )
    expect(missing).toEqual([])
  })
})

/**
 * The folders in which Node.js looks for the imports of 'node_modules/a/node_modules/b': b's, a's
 * and the root.
 */
function foldersAbove(path: string): string[] {
  const parts = path.split('/node_modules/')
  const nested = parts.map((_, i) => `${parts.slice(0, i + 1).join('/node_modules/')}/`)
  return path === '' ? [''] : ['', ...nested]
}
