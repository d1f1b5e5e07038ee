import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PARTS, type Part } from '../../../dev/local/parts.js'
import { Unavailable } from '../../../dev/local/run-command.js'
import { fetchPart } from '../../../dev/local/supply.js'
import { partOrSkip } from '../../support/or-skip.js'

const redis = await partOrSkip('redis')

test.skipIf(redis === null)(
  'Redis from the PATH or from the Debian suite of this machine runs',
  () => {
    expect(execFileSync(redis!, ['--version'], { encoding: 'utf8' })).toMatch(/^Redis server v=\d/)
  },
)

test('each part has its own variable, and its program is in its packages or its module', () => {
  const parts: readonly Part[] = Object.values(PARTS)
  expect(new Set(parts.map(({ variable }) => variable)).size).toBe(parts.length)
  for (const { program, debian, go } of parts) {
    const programs = [...(debian?.programs ?? []), ...(go ? [`/${go.main}`] : [])]
    expect(programs.filter(path => path.endsWith(`/${program}`))).toHaveLength(1)
  }
})

describe('a part', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-parts-'))
    vi.stubEnv('PATH', join(folder, 'path'))
    vi.stubEnv('KAFKA_EXPOSER_CACHE', join(folder, 'cache'))
    vi.stubEnv('PUSHGATEWAY_BIN', undefined)
    vi.stubEnv('TELEGRAF_BIN', undefined)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A script that prints a version and does not depend on the PATH. */
  function program(path: string, printed: string): string {
    const file = join(folder, path)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, `#!/bin/sh\necho '${printed}'\n`)
    chmodSync(file, 0o755)
    return file
  }

  const pushgateway = (version: string) => `pushgateway, version ${version} (branch: HEAD)`
  const fetched = (name: string) => `cache/debian-forky-prometheus-pushgateway/run/${name}`

  test('is first of all the program that its variable names', async () => {
    program('path/pushgateway', pushgateway('1.11.1'))
    const configured = program('configured', pushgateway('1.11.0'))
    vi.stubEnv('PUSHGATEWAY_BIN', configured)
    expect(await fetchPart('pushgateway')).toBe(configured)
  })

  test.each([
    ['another program', 'v20.19.0', /PUSHGATEWAY_BIN=.* does not run as Pushgateway\.$/],
    ['an old version', pushgateway('1.9.9'), /is version 1\.9\.9, but 1\.11 is required\.$/],
  ])(
    'is refused if its variable names %s, also if the PATH has a suitable program',
    async (_, printed, problem) => {
      program('path/pushgateway', pushgateway('1.11.1'))
      vi.stubEnv('PUSHGATEWAY_BIN', program('configured', printed))
      await expect(fetchPart('pushgateway')).rejects.toThrow(problem)
    },
  )

  test('is found on the PATH under each of its names if its version is new enough', async () => {
    program('path/pushgateway', pushgateway('1.4.0'))
    const other = program('path/prometheus-pushgateway', pushgateway('1.12.0'))
    expect(await fetchPart('pushgateway')).toBe(other)
  })

  test('is the program in the cache if the version on the PATH is too old', async () => {
    program('path/pushgateway', pushgateway('0.99.0'))
    const cached = program(fetched('prometheus-pushgateway'), pushgateway('1.11.2'))
    expect(await fetchPart('pushgateway')).toBe(cached)
  })

  test('that is missing is an error that says what to do', async () => {
    const error = await fetchPart('pushgateway').catch((thrown: Error) => thrown)
    expect(error).toBeInstanceOf(Unavailable)
    expect((error as Error).message).toBe(
      'Pushgateway is missing: it is not on the PATH, and this machine does not run Debian. ' +
        'Set PUSHGATEWAY_BIN to the path of Pushgateway 1.11 or newer, or put it on the PATH.',
    )
  })
  test('from a Go module is an error without Go, and is built once with it', async () => {
    const error = await fetchPart('telegraf').catch((thrown: Error) => thrown)
    expect(error).toBeInstanceOf(Unavailable)
    expect((error as Error).message).toBe(
      'Telegraf is missing: it is not on the PATH, and Go, which would build it, is missing. ' +
        'Set TELEGRAF_BIN to the path of Telegraf 1.30 or newer, or put it on the PATH.',
    )
    const made = `printf '#!/bin/sh\\necho Telegraf 1.37.2\\n' > "$GOBIN/telegraf"`
    program('path/go', '')
    writeFileSync(
      join(folder, 'path/go'),
      `#!/bin/sh\n${made}\n/bin/chmod +x "$GOBIN/telegraf"\necho "$@" >> ${folder}/builds\n`,
    )
    const built = await fetchPart('telegraf')
    expect(built).toMatch(/\/cache\/go-telegraf-v1\.37\.2-\w+\/telegraf$/)
    expect(await fetchPart('telegraf')).toBe(built)
    expect(readFileSync(join(folder, 'builds'), 'utf8').split('\n')).toEqual([
      expect.stringMatching(/^install -tags=\S*parsers\.influx .*\/telegraf@v1\.37\.2$/),
      '',
    ])
  })

  test('whose module cannot be built is an error with the first message of Go', async () => {
    program('path/go', '')
    writeFileSync(
      join(folder, 'path/go'),
      '#!/bin/sh\necho "go: downloading x" >&2\necho "go: no proxy" >&2\nexit 1\n',
    )
    await expect(fetchPart('telegraf')).rejects.toThrow(
      'it is not on the PATH, and Go could not build it (go: no proxy)',
    )
  })
})
