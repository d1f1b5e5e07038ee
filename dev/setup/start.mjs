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

// npm that is killed leaves us running: end with it.
if (process.env.npm_lifecycle_event) {
  const before = parents()
  setInterval(() => {
    if (parents() !== before) process.kill(process.pid, 'SIGTERM')
  }, 500).unref()
}

const main = join(root, 'dist', 'cli', 'main.js')
process.argv.splice(1, 1, main, 'dev')
await import(pathToFileURL(main))

/** Who started us. Some shells stay between npm and us, and would stay when npm is gone: then their parent counts too. */
function parents() {
  const { ppid } = process
  try {
    const status = readFileSync(`/proc/${ppid}/status`, 'utf8')
    const shell = /^Name:\s+\w*sh$/m.test(status)
    return shell ? `${ppid} ${/^PPid:\s+(\d+)$/m.exec(status)[1]}` : `${ppid}`
  } catch {
    return `${ppid}` // no Linux
  }
}
