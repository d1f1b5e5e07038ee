import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { processIdentity } from '../../../dev/local/process-identity.mjs'
import { eventually } from '../../support/eventually.js'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const spawned: ChildProcess[] = []
function run(script: string, args: string[] = []): ChildProcess {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  spawned.push(child)
  return child
}

afterEach(() => {
  for (const child of spawned.splice(0)) child.kill('SIGKILL')
})

async function parent(): Promise<{ process: ChildProcess; pids: number[]; folder: string }> {
  const child = run(path('./fixtures/parent.mjs'), [path('../../../dist')])
  const [line] = await once(createInterface({ input: child.stdout! }), 'line')
  return { process: child, ...JSON.parse(line) }
}

describe('what was started ends with who started it', () => {
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    test(`children and data of a parent that is gone by ${signal} are gone too`, async () => {
      const { process, pids, folder } = await parent()
      expect(pids.map(processIdentity)).not.toContain(null)
      expect(existsSync(folder)).toBe(true)
      process.kill(signal)
      await eventually(() => {
        expect(pids.map(processIdentity)).toEqual([null, null])
        expect(existsSync(folder)).toBe(false)
      })
    })
  }

  test('a stranger that got the pid of a former child is left alone', async () => {
    const stranger = run(path('./fixtures/parent.mjs'), [path('../../../dist')])
    await once(createInterface({ input: stranger.stdout! }), 'line')
    const watchdog = run(path('../../../dev/local/reaper/watchdog.mjs'))
    watchdog.stdin!.end(`${JSON.stringify({ watch: stranger.pid, identity: 'of an earlier process' })}\n`)
    await once(watchdog, 'exit')
    expect(processIdentity(stranger.pid!)).not.toBeNull()
    expect(stranger.exitCode).toBeNull()
  })
})
