import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PARTS } from '../../../dev/local/parts.js'
import { Unavailable } from '../../../dev/local/run-command.js'
import { fetchPart } from '../../../dev/local/supply.js'
import { partOrSkip } from '../../support/or-skip.js'

const redis = await partOrSkip('redis')

test.skipIf(redis === null)('Redis of this machine or of its Debian suite runs', () => {
  expect(execFileSync(redis!, ['--version'], { encoding: 'utf8' })).toMatch(/^Redis server v=\d/)
})

test('each part has a variable and a program of its own, which its packages bring', () => {
  const parts = Object.values(PARTS)
  expect(new Set(parts.map(({ variable }) => variable)).size).toBe(parts.length)
  for (const { program, debian } of parts) {
    expect(debian.programs.filter(path => path.endsWith(`/${program}`))).toHaveLength(1)
  }
})

describe('a part', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-parts-'))
    vi.stubEnv('PATH', join(folder, 'path'))
    vi.stubEnv('KAFKA_EXPOSER_CACHE', join(folder, 'cache'))
    vi.stubEnv('PUSHGATEWAY_BIN', undefined)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A program that prints a version, as a script that needs nothing of the PATH. */
  function program(path: string, printed: string): string {
    const file = join(folder, path)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, `#!/bin/sh\necho '${printed}'\n`)
    chmodSync(file, 0o755)
    return file
  }

  const pushgateway = (version: string) => `pushgateway, version ${version} (branch: HEAD)`
  const fetched = (name: string) => `cache/debian-forky-prometheus-pushgateway/run/${name}`

  test('is the one that its variable names, before any other', async () => {
    program('path/pushgateway', pushgateway('1.11.1'))
    const given = program('given', pushgateway('1.11.0'))
    vi.stubEnv('PUSHGATEWAY_BIN', given)
    expect(await fetchPart('pushgateway')).toBe(given)
  })

  test.each([
    ['another program', 'v20.19.0', /PUSHGATEWAY_BIN=.* does not run as Pushgateway\.$/],
    ['one that is too old', pushgateway('1.9.9'), /is version 1\.9\.9, needed is 1\.11\.$/],
  ])(
    'is never %s that its variable names: it is refused, and nothing else is taken',
    async (_, printed, problem) => {
      program('path/pushgateway', pushgateway('1.11.1'))
      vi.stubEnv('PUSHGATEWAY_BIN', program('given', printed))
      await expect(fetchPart('pushgateway')).rejects.toThrow(problem)
    },
  )

  test('is taken from the PATH, under each of its names, when it is new enough', async () => {
    program('path/pushgateway', pushgateway('1.4.0'))
    const other = program('path/prometheus-pushgateway', pushgateway('1.12.0'))
    expect(await fetchPart('pushgateway')).toBe(other)
  })

  test('is what was fetched before when the PATH has none that is new enough', async () => {
    program('path/pushgateway', pushgateway('0.99.0'))
    const before = program(fetched('prometheus-pushgateway'), pushgateway('1.11.2'))
    expect(await fetchPart('pushgateway')).toBe(before)
  })

  test('that cannot be had is told in one sentence with what to do', async () => {
    const error = await fetchPart('pushgateway').catch((thrown: Error) => thrown)
    expect(error).toBeInstanceOf(Unavailable)
    expect((error as Error).message).toBe(
      'There is no Pushgateway: none on the PATH, and this is no Debian; ' +
        'set PUSHGATEWAY_BIN to one of version 1.11 or newer, or put it on the PATH.',
    )
  })
})
