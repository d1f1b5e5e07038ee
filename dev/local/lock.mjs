import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isAlive, processIdentity } from './process-identity.mjs'

/**
 * Runs `work` while no other process runs work under the same lock file. Waits for a holder that lives, takes over from
 * one that died.
 *
 * @param {string} path where the lock file is, its folder is created
 * @param {() => unknown} work
 * @param {(pid: number) => void} [onWait] called once when somebody else holds the lock
 */
export async function withLock(path, work, onWait) {
  mkdirSync(dirname(path), { recursive: true })
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  writeFileSync(mine, JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid) }))
  try {
    for (let told = false; !acquire(mine, path); ) {
      const holder = read(path)
      if (holder && !isAlive(holder.pid, holder.identity)) takeOver(path, holder)
      else {
        if (holder && !told) onWait?.(holder.pid)
        told ||= holder !== null
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

/** A link is made whole or not at all, so nobody ever reads a lock without its holder. */
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
 * Removes the lock of a dead holder. Two may notice the same death: only the one with the second lock removes, after
 * having looked again, so that nobody removes the lock that the other has just taken.
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
    if (holder && holder.pid === dead.pid && holder.identity === dead.identity) rmSync(path, { force: true })
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
