import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isAlive, processIdentity } from './process-identity.mjs'

/**
 * Runs `work` while this process holds a lock file. Waits while a live process holds it, and takes
 * the lock of a process that has died.
 *
 * @param {string} path of the lock file. Its folder is created.
 * @param {() => unknown} work
 * @param {(pid: number) => void} [onWait] called once with the process that holds the lock
 */
export async function withLock(path, work, onWait) {
  mkdirSync(dirname(path), { recursive: true })
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  writeFileSync(mine, JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid) }))
  try {
    for (let reported = false; !acquire(mine, path); ) {
      const holder = read(path)
      if (holder && !isAlive(holder.pid, holder.identity)) takeOver(path, holder)
      else {
        if (holder && !reported) onWait?.(holder.pid)
        reported ||= holder !== null
        await new Promise(resolve => setTimeout(resolve, 100))
      }
    }
  } finally {
    rmSync(mine, { force: true })
  }
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}

/** Links are atomic: a lock file always contains its holder. */
function acquire(mine, path) {
  try {
    linkSync(mine, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

/**
 * Removes the lock of a dead holder. Several processes may do this at once. A second lock file and
 * a second look at the holder keep each of them from removing the new lock of another.
 */
function takeOver(path, dead) {
  const guard = `${path}.takeover`
  try {
    writeFileSync(guard, '', { flag: 'wx' })
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (ageMs(guard) > 10_000) rmSync(guard, { force: true })
    return
  }
  try {
    const holder = read(path)
    if (holder && holder.pid === dead.pid && holder.identity === dead.identity)
      rmSync(path, { force: true })
  } finally {
    rmSync(guard, { force: true })
  }
}

function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs
  } catch {
    return 0
  }
}
