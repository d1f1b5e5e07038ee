import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withLock } from './lock.mjs'
import { reaper } from './reaper.js'

/**
 * Makes a folder once, for all processes and checkouts that share it: `make` fills a folder beside it, which is renamed
 * when it is finished. So a folder that is there is whole, and two processes do not make it twice.
 */
export async function createOnce(
  folder: string,
  make: (unfinished: string) => Promise<void>,
  log: (message: string) => void = () => {},
): Promise<string> {
  if (existsSync(folder)) return folder
  const waiting = (pid: number) => log(`waiting for process ${pid}, which is preparing the same`)
  await withLock(`${folder}.lock`, () => makeFolder(folder, make), waiting)
  return folder
}

async function makeFolder(folder: string, make: (unfinished: string) => Promise<void>): Promise<void> {
  if (existsSync(folder)) return
  const unfinished = join(
    dirname(folder),
    `.unfinished-${process.pid}-${Math.random().toString(36).slice(2)}`,
  )
  mkdirSync(unfinished, { recursive: true })
  // Some are hundreds of megabytes, and a process that is killed runs no finally.
  reaper().removeOnExit(unfinished)
  try {
    await make(unfinished)
    renameSync(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
    reaper().keep(unfinished)
  }
}
