// npm start [-- flags of `kafka-exposer dev`]

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
const parent = process.ppid
if (process.env.npm_lifecycle_event) {
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
  }, 500).unref()
}

const main = join(root, 'dist', 'cli', 'main.js')
process.argv.splice(1, 1, main, 'dev')
await import(pathToFileURL(main))
