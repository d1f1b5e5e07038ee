import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withLock } from './lock.mjs'
import { reaper } from './reaper.js'

/**
 * Creates a folder once for all processes and checkouts that share it. `fill` writes to a temporary
 * folder, which is then renamed. A folder that exists is therefore complete.
 */
export async function createOnce(
  folder: string,
  fill: (unfinished: string) => Promise<void>,
  log: (message: string) => void = () => {},
): Promise<string> {
  if (existsSync(folder)) return folder
  const onWait = (pid: number) => log(`waiting for process ${pid}, which is creating ${folder}`)
  await withLock(`${folder}.lock`, () => createFolder(folder, fill), onWait)
  return folder
}

async function createFolder(
  folder: string,
  fill: (unfinished: string) => Promise<void>,
): Promise<void> {
  if (existsSync(folder)) return
  const unfinished = join(
    dirname(folder),
    `.unfinished-${process.pid}-${Math.random().toString(36).slice(2)}`,
  )
  mkdirSync(unfinished, { recursive: true })
  // The folder may have hundreds of megabytes, and a killed process does not run `finally`.
  reaper().removeOnExit(unfinished)
  try {
    await fill(unfinished)
    renameSync(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
    reaper().keep(unfinished)
  }
}
