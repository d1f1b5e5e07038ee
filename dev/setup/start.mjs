// npm start [-- flags of `kafka-exposer dev`]

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { progress } from './progress.mjs'
import { command, root } from './project.mjs'
import { setup } from './setup.mjs'

await command(async () => {
  progress('checking the checkout')
  await setup()
})

// End this process when npm is killed, because npm does not end it.
if (process.env.npm_lifecycle_event) {
  const before = parents()
  setInterval(() => {
    if (parents() !== before) process.kill(process.pid, 'SIGTERM')
  }, 500).unref()
}

const main = join(root, 'dist', 'cli', 'main.js')
process.argv.splice(1, 1, main, 'dev')
await import(pathToFileURL(main))

/**
 * The parent process. If it is a shell between npm and this process, which survives npm, the result
 * includes the parent of the shell.
 */
function parents() {
  const { ppid } = process
  try {
    const status = readFileSync(`/proc/${ppid}/status`, 'utf8')
    const shell = /^Name:\s+\w*sh$/m.test(status)
    return shell ? `${ppid} ${/^PPid:\s+(\d+)$/m.exec(status)[1]}` : `${ppid}`
  } catch {
    return `${ppid}` // not Linux
  }
}
