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

describe('the reaper', () => {
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    test(`kills the children and removes the folders of a parent that ends by ${signal}`, async () => {
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

  test('does not kill another process that has reused the pid of a child', async () => {
    const other = run(path('./fixtures/parent.mjs'), [path('../../../dist')])
    await once(createInterface({ input: other.stdout! }), 'line')
    const watchdog = run(path('../../../dev/local/reaper/watchdog.mjs'))
    watchdog.stdin!.end(
      `${JSON.stringify({ watch: other.pid, identity: 'of an earlier process' })}\n`,
    )
    await once(watchdog, 'exit')
    expect(processIdentity(other.pid!)).not.toBeNull()
    expect(other.exitCode).toBeNull()
  })
})
