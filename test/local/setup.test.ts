import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { isStale } from '../../deploy/setup/dependencies.mjs'
import { checkNodeVersion } from '../../deploy/setup/node-version.mjs'

const packageJson = fileURLToPath(new URL('../../package.json', import.meta.url))

describe('setting up a checkout', () => {
  test('an old Node is told in one sentence what to do', () => {
    expect(() => checkNodeVersion(packageJson, '20.18.3')).toThrow(
      /needs Node 20\.19\.0 or newer, and this is 20\.18\.3/,
    )
    expect(() => checkNodeVersion(packageJson, '18.20.0')).toThrow()
    expect(() => checkNodeVersion(packageJson, '20.19.0')).not.toThrow()
    expect(() => checkNodeVersion(packageJson, '20.100.0')).not.toThrow()
    expect(() => checkNodeVersion(packageJson, '24.0.0')).not.toThrow()
  })

  test('dependencies are installed again when they are missing, older, or were never finished', () => {
    const wanted = { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0' } }
    const { 'node_modules/b': _, ...withoutB } = wanted
    expect(isStale(wanted, wanted)).toBe(false)
    expect(isStale(wanted, withoutB)).toBe(true)
    expect(isStale(wanted, { ...wanted, 'node_modules/b': { version: '1.9.9' } })).toBe(true)
    expect(isStale(wanted, null)).toBe(true)
  })

  test('an optional package of another platform is not missing', () => {
    const wanted = { 'node_modules/win32-only': { version: '1.0.0', optional: true } }
    expect(isStale(wanted, {})).toBe(false)
  })
})
