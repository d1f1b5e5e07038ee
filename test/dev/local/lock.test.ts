import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createOnce } from '../../../dev/local/create-once.js'
import { withLock } from '../../../dev/local/lock.mjs'
import { processIdentity } from '../../../dev/local/process-identity.mjs'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const nextTurn = () => new Promise(resolve => setImmediate(resolve))

describe('a lock between processes', () => {
  test('runs all work, one at a time', async () => {
    let running = 0
    let maximum = 0
    const work = async () => {
      maximum = Math.max(maximum, ++running)
      await nextTurn()
      running--
    }
    await Promise.all(Array.from({ length: 5 }, () => withLock(join(folder, 'lock'), work)))
    expect(maximum).toBe(1)
    expect(readdirSync(folder)).toEqual([])
  })

  test('is released when the work fails', async () => {
    const path = join(folder, 'lock')
    await expect(withLock(path, () => Promise.reject(new Error('failed')))).rejects.toThrow(
      'failed',
    )
    expect(await withLock(path, () => 'works')).toBe('works')
  })

  test.each([
    ['a holder that has died', { pid: 2 ** 22 + 1, identity: '1' }],
    [
      'a later process with the pid of the holder',
      { pid: process.pid, identity: 'of an earlier process' },
    ],
  ])('does not wait for %s', async (_, holder) => {
    const path = join(folder, 'lock')
    writeFileSync(path, JSON.stringify(holder))
    let waitedFor = 0
    expect(
      await withLock(
        path,
        () => 'works',
        pid => (waitedFor = pid),
      ),
    ).toBe('works')
    expect(waitedFor).toBe(0)
  })

  test('reports the process that it waits for', async () => {
    const path = join(folder, 'lock')
    let release = () => {}
    const held = withLock(path, () => new Promise<void>(resolve => (release = resolve)))
    let waiter: Promise<void> | undefined
    const waitsFor = await new Promise(resolve => {
      waiter = withLock(path, () => {}, resolve)
    })
    release()
    await Promise.all([held, waiter])
    expect(waitsFor).toBe(process.pid)
    expect(processIdentity(process.pid)).not.toBeNull()
  })
})

describe('a folder that is created once', () => {
  test('is filled once, also by concurrent calls', async () => {
    let calls = 0
    const fill = async (unfinished: string) => {
      calls++
      await nextTurn()
      writeFileSync(join(unfinished, 'file'), '')
    }
    await Promise.all(Array.from({ length: 3 }, () => createOnce(join(folder, 'thing'), fill)))
    expect(calls).toBe(1)
    expect(readdirSync(folder)).toEqual(['thing'])
    expect(readdirSync(join(folder, 'thing'))).toEqual(['file'])
  })

  test('is never incomplete: after a failure it is absent, and the next call fills it', async () => {
    const thing = join(folder, 'thing')
    const failing = createOnce(thing, async unfinished => {
      writeFileSync(join(unfinished, 'half'), '')
      throw new Error('no network')
    })
    await expect(failing).rejects.toThrow('no network')
    expect(readdirSync(folder)).toEqual([])
    await createOnce(thing, async unfinished => writeFileSync(join(unfinished, 'whole'), ''))
    expect(readdirSync(thing)).toEqual(['whole'])
  })
})
