import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isAlive, processIdentity } from './process-identity.mjs'
import { reaper } from './reaper.js'

/** The folder of package.json, for both the sources and the compiled program. */
export const packageRoot = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder)
    folder = dirname(folder)
  return folder
})()

/**
 * A path in the cache that all checkouts of this user share: $KAFKA_EXPOSER_CACHE,
 * $XDG_CACHE_HOME/kafka-exposer or ~/.cache/kafka-exposer.
 */
export function cacheFolder(...path: string[]): string {
  const { KAFKA_EXPOSER_CACHE, XDG_CACHE_HOME } = process.env
  const root =
    KAFKA_EXPOSER_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'kafka-exposer')
  return resolve(root, ...path)
}

/**
 * Creates a folder for data and logs under .local/ of the checkout. It is removed when this process
 * ends.
 */
export function createRunFolder(name: string): string {
  const parent = runsFolder()
  removeAbandoned(parent)
  const folder = join(parent, `${name}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`)
  mkdirSync(folder, { recursive: true })
  reaper().removeOnExit(folder)
  writeFileSync(
    join(folder, 'owner.json'),
    JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid) }),
  )
  return folder
}

export function removeRunFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  reaper().keep(folder)
}

function runsFolder(): string {
  return isWritable(packageRoot) ? join(packageRoot, '.local') : join(tmpdir(), 'kafka-exposer')
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Removes the folders of runs whose watchdog was killed too, for example by a reboot. */
function removeAbandoned(parent: string): void {
  if (!existsSync(parent)) return
  for (const entry of readdirSync(parent)) {
    try {
      const owner = JSON.parse(readFileSync(join(parent, entry, 'owner.json'), 'utf8'))
      if (!isAlive(owner.pid, owner.identity))
        rmSync(join(parent, entry), { recursive: true, force: true })
    } catch {} // Not a run folder, or another process is removing it.
  }
}
